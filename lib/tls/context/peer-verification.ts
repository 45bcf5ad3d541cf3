import { InvalidOptionError } from '../../errors.ts';

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

/** @throws InvalidOptionError, naming the option. */
export function readClientCertificates(options: ClientCertificateOptions): ClientCertificates {
  const { requestCert = false } = options;
  if (typeof requestCert !== 'boolean') {
    throw new InvalidOptionError('requestCert', 'true or false', requestCert);
  }
  const rejectUnauthorized = readRejectUnauthorized(options.rejectUnauthorized);
  return requestCert ? { rejectUnauthorized } : undefined;
}

/** As in node:tls, only `false` itself turns it off. */
export function readRejectUnauthorized(value: unknown): boolean {
  if (value !== undefined && value !== null && typeof value !== 'boolean') {
    throw new InvalidOptionError('rejectUnauthorized', 'true or false', value);
  }
  return value !== false;
}
