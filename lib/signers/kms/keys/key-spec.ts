import type { KeySpec, SigningAlgorithmSpec } from '@aws-sdk/client-kms';
import { curveOfKind } from '../../curves.ts';
import { fitEcdsaDigest } from '../../ecdsa-digest.ts';
import type { SignatureSchemeFacts } from '../../signature-scheme.ts';

/** A KMS key spec that TLS can sign with ("Key spec reference", AWS KMS Developer Guide). */
export interface TlsKeySpec {
  /** As KMS writes it: `ECC_NIST_P384`. */
  readonly name: string;
  /** As `kindOfKey` writes it: `P-384`. */
  readonly keyName: string;
  /** EC keys sign under one algorithm; RSA keys sign under any. */
  readonly ecdsa?: SigningAlgorithmSpec;
}

const specs: readonly TlsKeySpec[] = [
  { name: 'ECC_NIST_P256', keyName: 'P-256', ecdsa: 'ECDSA_SHA_256' },
  { name: 'ECC_NIST_P384', keyName: 'P-384', ecdsa: 'ECDSA_SHA_384' },
  { name: 'ECC_NIST_P521', keyName: 'P-521', ecdsa: 'ECDSA_SHA_512' },
  { name: 'RSA_2048', keyName: 'RSA-2048' },
  { name: 'RSA_3072', keyName: 'RSA-3072' },
  { name: 'RSA_4096', keyName: 'RSA-4096' },
];

/** The names of all of them, for messages. */
export const tlsKeySpecNames: readonly string[] = specs.map(({ name }) => name);

/** The spec of this name, or undefined when TLS cannot use it (or this package cannot yet: `ML_DSA_…`). */
export function tlsKeySpec(name: string | undefined): TlsKeySpec | undefined {
  return specs.find((spec) => spec.name === name);
}

/** The name of the spec of keys that `kindOfKey` calls so; undefined where TLS cannot use them, or KMS has none. */
export function keySpecOf(keyName: string): KeySpec | undefined {
  return specs.find((spec) => spec.keyName === keyName)?.name as KeySpec | undefined;
}

const rsaAlgorithms: Readonly<Record<string, SigningAlgorithmSpec>> = {
  'rsa-pss sha256': 'RSASSA_PSS_SHA_256',
  'rsa-pss sha384': 'RSASSA_PSS_SHA_384',
  'rsa-pss sha512': 'RSASSA_PSS_SHA_512',
  'rsa-pkcs1 sha256': 'RSASSA_PKCS1_V1_5_SHA_256',
  'rsa-pkcs1 sha384': 'RSASSA_PKCS1_V1_5_SHA_384',
  'rsa-pkcs1 sha512': 'RSASSA_PKCS1_V1_5_SHA_512',
};

/**
 * `SigningAlgorithm` and `Message` (with `MessageType` DIGEST) that have a key of this spec sign `digest` under the scheme.
 * Undefined when they do not go together.
 */
export function signInput(
  spec: TlsKeySpec,
  scheme: SignatureSchemeFacts,
  digest: Uint8Array,
): { algorithm: SigningAlgorithmSpec; message: Uint8Array } | undefined {
  if (spec.ecdsa !== undefined) {
    if (scheme.algorithm !== 'ecdsa') return undefined;
    const { digestLength } = curveOfKind(spec.keyName);
    return { algorithm: spec.ecdsa, message: fitEcdsaDigest(digest, digestLength) };
  }
  const algorithm = rsaAlgorithms[`${scheme.algorithm} ${scheme.hash}`];
  return algorithm === undefined ? undefined : { algorithm, message: digest };
}
