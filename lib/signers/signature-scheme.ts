/**
 * The TLS signature schemes a server or client certificate can sign with (RFC 8446 §4.2.3, RFC 5246 §7.4.1.4.1 for the
 * TLS 1.2 meaning, draft-ietf-tls-mldsa for ML-DSA), and what each asks of a key.
 */

/** IANA name of a signature scheme, as in RFC 8446 §4.2.3. */
export type SignatureScheme =
  | 'ecdsa_secp256r1_sha256'
  | 'ecdsa_secp384r1_sha384'
  | 'ecdsa_secp521r1_sha512'
  | 'rsa_pss_rsae_sha256'
  | 'rsa_pss_rsae_sha384'
  | 'rsa_pss_rsae_sha512'
  | 'rsa_pkcs1_sha256'
  | 'rsa_pkcs1_sha384'
  | 'rsa_pkcs1_sha512'
  | 'mldsa44'
  | 'mldsa65'
  | 'mldsa87';

/**
 * What the input of a private-key operation is: `digest`, the message already hashed (32, 48 or 64 bytes), or `mu`, the
 * 64-byte message representative of ML-DSA (FIPS 204 §6.2).
 */
export type InputKind = 'digest' | 'mu';

export interface SignatureSchemeFacts {
  readonly name: SignatureScheme;
  /** The code point of the IANA registry "TLS SignatureScheme". */
  readonly code: number;
  readonly algorithm: 'ecdsa' | 'rsa-pss' | 'rsa-pkcs1' | 'mldsa';
  /** Node's name of the hash that makes the input; absent for ML-DSA. */
  readonly hash?: 'sha256' | 'sha384' | 'sha512';
  readonly inputKind: InputKind;
  /** Bytes of input. */
  readonly inputLength: number;
}

const table: readonly SignatureSchemeFacts[] = [
  {
    name: 'ecdsa_secp256r1_sha256',
    code: 0x0403,
    algorithm: 'ecdsa',
    hash: 'sha256',
    inputKind: 'digest',
    inputLength: 32,
  },
  {
    name: 'ecdsa_secp384r1_sha384',
    code: 0x0503,
    algorithm: 'ecdsa',
    hash: 'sha384',
    inputKind: 'digest',
    inputLength: 48,
  },
  {
    name: 'ecdsa_secp521r1_sha512',
    code: 0x0603,
    algorithm: 'ecdsa',
    hash: 'sha512',
    inputKind: 'digest',
    inputLength: 64,
  },
  {
    name: 'rsa_pss_rsae_sha256',
    code: 0x0804,
    algorithm: 'rsa-pss',
    hash: 'sha256',
    inputKind: 'digest',
    inputLength: 32,
  },
  {
    name: 'rsa_pss_rsae_sha384',
    code: 0x0805,
    algorithm: 'rsa-pss',
    hash: 'sha384',
    inputKind: 'digest',
    inputLength: 48,
  },
  {
    name: 'rsa_pss_rsae_sha512',
    code: 0x0806,
    algorithm: 'rsa-pss',
    hash: 'sha512',
    inputKind: 'digest',
    inputLength: 64,
  },
  {
    name: 'rsa_pkcs1_sha256',
    code: 0x0401,
    algorithm: 'rsa-pkcs1',
    hash: 'sha256',
    inputKind: 'digest',
    inputLength: 32,
  },
  {
    name: 'rsa_pkcs1_sha384',
    code: 0x0501,
    algorithm: 'rsa-pkcs1',
    hash: 'sha384',
    inputKind: 'digest',
    inputLength: 48,
  },
  {
    name: 'rsa_pkcs1_sha512',
    code: 0x0601,
    algorithm: 'rsa-pkcs1',
    hash: 'sha512',
    inputKind: 'digest',
    inputLength: 64,
  },
  { name: 'mldsa44', code: 0x0904, algorithm: 'mldsa', inputKind: 'mu', inputLength: 64 },
  { name: 'mldsa65', code: 0x0905, algorithm: 'mldsa', inputKind: 'mu', inputLength: 64 },
  { name: 'mldsa87', code: 0x0906, algorithm: 'mldsa', inputKind: 'mu', inputLength: 64 },
];

const byCode = new Map(table.map((facts) => [facts.code, facts]));
const byName = new Map<string, SignatureSchemeFacts>(table.map((facts) => [facts.name, facts]));

/** The scheme with this IANA code point, or undefined (SHA-1 and SHA-224 schemes are not in the table). */
export function signatureSchemeByCode(code: number): SignatureSchemeFacts | undefined {
  return byCode.get(code);
}

/** The scheme with this IANA name, or undefined. */
export function signatureSchemeByName(name: string): SignatureSchemeFacts | undefined {
  return byName.get(name);
}

/** All schemes, in the table's order. */
export const signatureSchemes: readonly SignatureSchemeFacts[] = table;
