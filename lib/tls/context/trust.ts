import { S2nPkeyError } from '../../errors.ts';
import { flag } from '../../options/kinds.ts';
import { readOptions, type Option, type SchemaOf } from '../../options/option.ts';
import { addon } from '../../native/addon.ts';
import type { NativeTrustStore } from '../../native/binding.ts';
import {
  readCertificates,
  readRevocationLists,
  UnreadablePemError,
  type PemCertificate,
} from '../../pem/certificates.ts';
import { pemText } from '../../pem/pem-text.ts';
import {
  defaultAuthorities,
  nameOfAuthority,
  warnOfSkipped,
  type DefaultAuthority,
} from './default-authorities.ts';

/** One PEM text or several. */
export type PemTexts = string | Uint8Array | readonly (string | Uint8Array)[];

/** Which certificates of peers to trust. */
export interface TrustOptions {
  /** PEM certificates of the authorities to trust. Default: those that Node trusts. */
  ca?: PemTexts;
  /**
   * PEM revocation lists. If there is one, every certificate of a peer's chain needs a valid list of its issuer, as in
   * node:tls. Default: none.
   */
  crl?: PemTexts;
  /** Whether an authority in `ca` that is not self-signed can end a chain. Default: false, as in node:tls. */
  allowPartialTrustChain?: boolean;
}

const expectedAuthorities = 'PEM with "-----BEGIN CERTIFICATE-----", a string or Buffer or an array of them';
const expectedLists = 'PEM with "-----BEGIN X509 CRL-----", a string or Buffer or an array of them';

function pemTexts(expected: string): Option<PemTexts | undefined> {
  return {
    ...{ type: 'string | Uint8Array | Array', expected, isSecret: true, takesNull: true },
    fits: (value) => Array.isArray(value) || pemText(value) !== undefined,
  };
}

export const trustSchema = {
  ca: pemTexts(expectedAuthorities),
  crl: pemTexts(expectedLists),
  allowPartialTrustChain: flag(false),
} satisfies SchemaOf<TrustOptions>;

/** Reading all authorities of Node takes milliseconds, so their store is created once for each list. */
let usual:
  { readonly authorities: readonly DefaultAuthority[]; readonly store: NativeTrustStore } | undefined;

/**
 * Creates the trust store for these options, or returns the shared one of the default authorities.
 *
 * @throws InvalidOptionError, naming the option; S2nPkeyError `ERR_S2N_PKEY_CA_INVALID` or `ERR_S2N_PKEY_CRL_INVALID`.
 */
export function trustStore(options: TrustOptions): NativeTrustStore {
  const { ca, crl, allowPartialTrustChain: partial } = readOptions(trustSchema, options);
  if (isAbsent(ca) && isAbsent(crl) && !partial) return usualStore();
  const revocationLists = readLists(crl);
  if (isAbsent(ca)) return storeOfDefaults(defaultAuthorities(), revocationLists, partial);
  const authorities = readAuthorities(ca);
  const store = new (addon().TrustStore)({
    authorities: authorities.map(({ block }) => block),
    skipUnusable: true,
    revocationLists,
    allowPartialChain: partial,
    namesAuthorities: true, // as in node:tls, which does not announce its default authorities
  });
  for (const index of store.skipped) {
    const skipped = authorities[index];
    throw new S2nPkeyError(
      'ERR_S2N_PKEY_CA_INVALID',
      `ca: expected ${expectedAuthorities}; ${skipped?.place ?? 'one'} cannot be used as an authority`,
    );
  }
  return store;
}

/** Whether the options set what to trust, instead of leaving it to the default. */
export function namesTrust({ ca, crl, allowPartialTrustChain }: TrustOptions): boolean {
  return !isAbsent(ca) || !isAbsent(crl) || !isAbsent(allowPartialTrustChain);
}

/**
 * The certificates of `ca`; empty if it is absent.
 *
 * @throws S2nPkeyError `ERR_S2N_PKEY_CA_INVALID`.
 */
export function readAuthorities(ca: unknown): PemCertificate[] {
  return textsOf(ca).flatMap(([place, text]) =>
    withCode('ERR_S2N_PKEY_CA_INVALID', () => readCertificates(`ca${place}`, expectedAuthorities, text)),
  );
}

function readLists(crl: unknown): string[] {
  return textsOf(crl).flatMap(([place, text]) =>
    withCode('ERR_S2N_PKEY_CRL_INVALID', () => readRevocationLists(`crl${place}`, expectedLists, text)),
  );
}

function usualStore(): NativeTrustStore {
  const authorities = defaultAuthorities();
  if (usual?.authorities !== authorities)
    usual = { authorities, store: storeOfDefaults(authorities, [], false) };
  return usual.store;
}

/** Skips a default authority that AWS-LC cannot use, with a warning, because it must not make every connection fail. */
function storeOfDefaults(
  authorities: readonly DefaultAuthority[],
  revocationLists: readonly string[],
  allowPartialChain: boolean,
): NativeTrustStore {
  const store = new (addon().TrustStore)({
    authorities: authorities.map(({ pem }) => pem),
    skipUnusable: true,
    revocationLists,
    allowPartialChain,
  });
  for (const index of store.skipped) {
    const skipped = authorities[index];
    if (skipped) warnOfSkipped(skipped.source, nameOfAuthority(skipped.pem));
  }
  return store;
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}

/** Each text with its place in the option, such as `[1]`. */
function textsOf(value: unknown): (readonly [place: string, text: unknown])[] {
  if (isAbsent(value)) return [];
  if (!Array.isArray(value)) return [['', value]];
  return (value as unknown[]).map((text, index) => [`[${index}]`, text]);
}

function withCode<T>(code: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof UnreadablePemError)
      throw new S2nPkeyError(code, error.message, { cause: error.cause });
    throw error;
  }
}
