import { flag } from '../../options/kinds.ts';
import { readOption, readOptions, type Schema } from '../../options/option.ts';

/** How a server treats its clients' certificates; names and meanings are node:tls's. */
export interface ClientCertificateOptions {
  /** Ask clients for a certificate. */
  requestCert?: boolean;
  /**
   * With `requestCert`: refuse a client whose certificate does not verify, or that has none. True unless given. When off,
   * such a client is connected, and its socket says `authorized: false` and why (`authorizationError`).
   */
  rejectUnauthorized?: boolean;
}

/** What a server does with a client's certificate that does not verify; undefined where it asks for none. */
export type ClientCertificates = { readonly rejectUnauthorized: boolean } | undefined;

export const clientCertificateSchema = {
  requestCert: flag(false),
  rejectUnauthorized: { ...flag(true), takesNull: true },
} satisfies Schema;

/** @throws InvalidOptionError, naming the option. */
export function readClientCertificates(options: ClientCertificateOptions): ClientCertificates {
  const { requestCert, rejectUnauthorized } = readOptions(clientCertificateSchema, options);
  return requestCert ? { rejectUnauthorized } : undefined;
}

/** As in node:tls, only `false` itself turns it off. */
export function readRejectUnauthorized(value: unknown): boolean {
  return readOption('rejectUnauthorized', clientCertificateSchema.rejectUnauthorized, value);
}
