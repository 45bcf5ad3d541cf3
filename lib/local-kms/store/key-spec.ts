import {
  signatureSchemeByName,
  type SignatureScheme,
  type SignatureSchemeFacts,
} from '../../signers/signature-scheme.ts';

/**
 * What a key can be and what it can do, as in "Key spec reference" of the AWS KMS Developer Guide
 * (https://docs.aws.amazon.com/kms/latest/developerguide/symm-asymm-choose-key-spec.html).
 */

/** Every key spec of the API model; those that are not in `keySpecs` are refused. */
export const allKeySpecs = [
  'RSA_2048',
  'RSA_3072',
  'RSA_4096',
  'ECC_NIST_P256',
  'ECC_NIST_P384',
  'ECC_NIST_P521',
  'ECC_SECG_P256K1',
  'SYMMETRIC_DEFAULT',
  'HMAC_224',
  'HMAC_256',
  'HMAC_384',
  'HMAC_512',
  'SM2',
  'ML_DSA_44',
  'ML_DSA_65',
  'ML_DSA_87',
  'ECC_NIST_EDWARDS25519',
] as const;

export const keyUsages = ['SIGN_VERIFY', 'ENCRYPT_DECRYPT', 'GENERATE_VERIFY_MAC', 'KEY_AGREEMENT'] as const;
export type KeyUsage = (typeof keyUsages)[number];

/** Every signing algorithm of the API model. */
export const allSigningAlgorithms = [
  'RSASSA_PSS_SHA_256',
  'RSASSA_PSS_SHA_384',
  'RSASSA_PSS_SHA_512',
  'RSASSA_PKCS1_V1_5_SHA_256',
  'RSASSA_PKCS1_V1_5_SHA_384',
  'RSASSA_PKCS1_V1_5_SHA_512',
  'ECDSA_SHA_256',
  'ECDSA_SHA_384',
  'ECDSA_SHA_512',
  'SM2DSA',
  'ML_DSA_SHAKE_256',
  'ED25519_SHA_512',
  'ED25519_PH_SHA_512',
] as const;

export const macAlgorithms = ['HMAC_SHA_224', 'HMAC_SHA_256', 'HMAC_SHA_384', 'HMAC_SHA_512'] as const;

export interface RsaKeySpec {
  readonly kind: 'rsa';
  readonly modulusLength: 2048 | 3072 | 4096;
  readonly signingAlgorithms: readonly string[];
}

export interface EcKeySpec {
  readonly kind: 'ec';
  /** OpenSSL's name of the curve. */
  readonly namedCurve: string;
  readonly signingAlgorithms: readonly string[];
}

export interface HmacKeySpec {
  readonly kind: 'hmac';
  /** Node's name of the hash. */
  readonly hash: string;
  /** Bytes of key material: the length of the hash's output. */
  readonly length: number;
  readonly macAlgorithms: readonly string[];
}

export interface MlDsaKeySpec {
  readonly kind: 'ml-dsa';
  readonly scheme: SignatureScheme;
  readonly signingAlgorithms: readonly string[];
}

export type KeySpecFacts = RsaKeySpec | EcKeySpec | HmacKeySpec | MlDsaKeySpec;

// In the order in which the real service lists them.
const rsaSigningAlgorithms = [
  'RSASSA_PKCS1_V1_5_SHA_256',
  'RSASSA_PKCS1_V1_5_SHA_384',
  'RSASSA_PKCS1_V1_5_SHA_512',
  'RSASSA_PSS_SHA_256',
  'RSASSA_PSS_SHA_384',
  'RSASSA_PSS_SHA_512',
];

const mlDsaSigningAlgorithms = ['ML_DSA_SHAKE_256'];

const keySpecs = new Map<string, KeySpecFacts>([
  ['RSA_2048', { kind: 'rsa', modulusLength: 2048, signingAlgorithms: rsaSigningAlgorithms }],
  ['RSA_3072', { kind: 'rsa', modulusLength: 3072, signingAlgorithms: rsaSigningAlgorithms }],
  ['RSA_4096', { kind: 'rsa', modulusLength: 4096, signingAlgorithms: rsaSigningAlgorithms }],
  ['ECC_NIST_P256', { kind: 'ec', namedCurve: 'prime256v1', signingAlgorithms: ['ECDSA_SHA_256'] }],
  ['ECC_NIST_P384', { kind: 'ec', namedCurve: 'secp384r1', signingAlgorithms: ['ECDSA_SHA_384'] }],
  ['ECC_NIST_P521', { kind: 'ec', namedCurve: 'secp521r1', signingAlgorithms: ['ECDSA_SHA_512'] }],
  ['ML_DSA_44', { kind: 'ml-dsa', scheme: 'mldsa44', signingAlgorithms: mlDsaSigningAlgorithms }],
  ['ML_DSA_65', { kind: 'ml-dsa', scheme: 'mldsa65', signingAlgorithms: mlDsaSigningAlgorithms }],
  ['ML_DSA_87', { kind: 'ml-dsa', scheme: 'mldsa87', signingAlgorithms: mlDsaSigningAlgorithms }],
  ['HMAC_224', { kind: 'hmac', hash: 'sha224', length: 28, macAlgorithms: ['HMAC_SHA_224'] }],
  ['HMAC_256', { kind: 'hmac', hash: 'sha256', length: 32, macAlgorithms: ['HMAC_SHA_256'] }],
  ['HMAC_384', { kind: 'hmac', hash: 'sha384', length: 48, macAlgorithms: ['HMAC_SHA_384'] }],
  ['HMAC_512', { kind: 'hmac', hash: 'sha512', length: 64, macAlgorithms: ['HMAC_SHA_512'] }],
]);

/** The facts of a key spec that this service makes keys of; undefined for the others. */
export function keySpecFacts(keySpec: string): KeySpecFacts | undefined {
  return keySpecs.get(keySpec);
}

/** The usages the real service allows keys of this spec. */
export function keyUsagesOf(keySpec: string): readonly KeyUsage[] {
  if (keySpec === 'SYMMETRIC_DEFAULT') return ['ENCRYPT_DECRYPT'];
  if (keySpec.startsWith('HMAC_')) return ['GENERATE_VERIFY_MAC'];
  if (keySpec.startsWith('RSA_')) return ['ENCRYPT_DECRYPT', 'SIGN_VERIFY'];
  if (keySpec.startsWith('ECC_NIST_P')) return ['SIGN_VERIFY', 'KEY_AGREEMENT'];
  return ['SIGN_VERIFY'];
}

const schemeNames = new Map<string, SignatureScheme>([
  ['ECDSA_SHA_256', 'ecdsa_secp256r1_sha256'],
  ['ECDSA_SHA_384', 'ecdsa_secp384r1_sha384'],
  ['ECDSA_SHA_512', 'ecdsa_secp521r1_sha512'],
  ['RSASSA_PSS_SHA_256', 'rsa_pss_rsae_sha256'],
  ['RSASSA_PSS_SHA_384', 'rsa_pss_rsae_sha384'],
  ['RSASSA_PSS_SHA_512', 'rsa_pss_rsae_sha512'],
  ['RSASSA_PKCS1_V1_5_SHA_256', 'rsa_pkcs1_sha256'],
  ['RSASSA_PKCS1_V1_5_SHA_384', 'rsa_pkcs1_sha384'],
  ['RSASSA_PKCS1_V1_5_SHA_512', 'rsa_pkcs1_sha512'],
]);

/** The TLS signature scheme that means the same as this signing algorithm of the key; undefined where there is none here. */
export function schemeOfSigningAlgorithm(
  facts: KeySpecFacts,
  algorithm: string,
): SignatureSchemeFacts | undefined {
  const name = facts.kind === 'ml-dsa' ? facts.scheme : schemeNames.get(algorithm);
  return name === undefined ? undefined : signatureSchemeByName(name);
}
