import { flag } from '../../options/kinds.ts';
import { readOption, readOptions, type SchemaOf } from '../../options/option.ts';

/** How a server treats its clients' certificates; names and meanings are node:tls's. */
export interface ClientCertificateOptions {
  /** Ask clients for a certificate. */
  requestCert?: boolean;
  /**
   * With `requestCert`: refuse a client whose certificate does not verify, or that has none. Default: true. If false, such
   * a client is connected, and its socket has `authorized: false` and the reason in `authorizationError`.
   */
  rejectUnauthorized?: boolean;
}

/** How a server verifies clients' certificates; undefined if it does not request any. */
export type ClientCertificates = { readonly rejectUnauthorized: boolean } | undefined;

export const clientCertificateSchema = {
  requestCert: flag(false),
  rejectUnauthorized: { ...flag(true), takesNull: true },
} satisfies SchemaOf<ClientCertificateOptions>;

/** @throws InvalidOptionError, naming the option. */
export function readClientCertificates(options: ClientCertificateOptions): ClientCertificates {
  const { requestCert, rejectUnauthorized } = readOptions(clientCertificateSchema, options);
  return requestCert ? { rejectUnauthorized } : undefined;
}

/** As in node:tls, only `false` turns it off. */
export function readRejectUnauthorized(value: unknown): boolean {
  return readOption('rejectUnauthorized', clientCertificateSchema.rejectUnauthorized, value);
}
