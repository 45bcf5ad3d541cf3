import { readFileSync } from 'node:fs';
import * as tls from 'node:tls';
import { InvalidOptionError } from '../errors.ts';
import { addon } from '../native/addon.ts';
import type { NativeTrustStore } from '../native/binding.ts';

/** One PEM text or several. */
export type PemTexts = string | Uint8Array | readonly (string | Uint8Array)[];

/** Whom to trust. */
export interface TrustOptions {
  /** PEM certificates of authorities, instead of those that Node trusts by default. */
  ca?: PemTexts;
  /**
   * PEM revocation lists. With any, every certificate of a peer's chain needs a list of its issuer's that is in force, as
   * in node:tls.
   */
  crl?: PemTexts;
  /** Whether an authority in `ca` that is not self-signed ends a chain. False unless given, as in node:tls. */
  allowPartialTrustChain?: boolean;
}

let defaultStore: NativeTrustStore | undefined;

/**
 * The trust store for these options.
 *
 * @throws InvalidOptionError, naming the option; S2nPkeyError `ERR_S2N_PKEY_CA_INVALID` or `ERR_S2N_PKEY_CRL_INVALID`.
 */
export function trustStore(options: TrustOptions): NativeTrustStore {
  const { ca, crl, allowPartialTrustChain: partial = false } = options;
  if (typeof partial !== 'boolean') {
    throw new InvalidOptionError('allowPartialTrustChain', 'true or false', partial);
  }
  const make = (authorities: readonly string[]): NativeTrustStore =>
    new (addon().TrustStore)({
      authorities,
      revocationLists: readPem('crl', crl),
      allowPartialChain: partial,
    });
  // Reading all of Node's authorities takes milliseconds, so the usual store is made once.
  if (isAbsent(ca) && isAbsent(crl) && !partial) return (defaultStore ??= make(defaultAuthorities()));
  return make(isAbsent(ca) ? defaultAuthorities() : readPem('ca', ca));
}

/** Whether the options say whom to trust, or leave it to the default. */
export function namesTrust({ ca, crl, allowPartialTrustChain }: TrustOptions): boolean {
  return !isAbsent(ca) || !isAbsent(crl) || !isAbsent(allowPartialTrustChain);
}

/**
 * The authorities that node:tls trusts by default: Mozilla's, as Node brings them, and those of `NODE_EXTRA_CA_CERTS`. Where
 * Node can tell (22.15 on), exactly those that it uses, with `--use-system-ca` and `tls.setDefaultCACertificates` in force.
 */
function defaultAuthorities(): readonly string[] {
  const { getCACertificates } = tls as { getCACertificates?: (type: 'default') => string[] };
  if (getCACertificates !== undefined) return getCACertificates('default');
  const extra = process.env['NODE_EXTRA_CA_CERTS'];
  if (extra === undefined || extra === '') return tls.rootCertificates;
  try {
    return [...tls.rootCertificates, readFileSync(extra, 'latin1')];
  } catch {
    return tls.rootCertificates; // Node itself has warned of it when it started.
  }
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}

function readPem(option: 'ca' | 'crl', value: unknown): string[] {
  if (isAbsent(value)) return [];
  return (Array.isArray(value) ? (value as unknown[]) : [value]).map((text) => {
    if (typeof text === 'string') return text;
    if (text instanceof Uint8Array) return Buffer.from(text).toString('latin1');
    throw new InvalidOptionError(option, 'PEM, a string or Buffer or an array of them', text);
  });
}
