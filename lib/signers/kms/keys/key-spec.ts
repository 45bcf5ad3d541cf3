import type { KeySpec, SigningAlgorithmSpec } from '@aws-sdk/client-kms';
import { curveOfKind } from '../../curves.ts';
import { fitEcdsaDigest } from '../../ecdsa-digest.ts';
import { mlDsaNamed } from '../../ml-dsa.ts';
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
  { name: 'ML_DSA_44', keyName: 'ML-DSA-44' },
  { name: 'ML_DSA_65', keyName: 'ML-DSA-65' },
  { name: 'ML_DSA_87', keyName: 'ML-DSA-87' },
];

/** The names of all of them, for messages. */
export const tlsKeySpecNames: readonly string[] = specs.map(({ name }) => name);

/** The spec of this name, or undefined when TLS cannot use it. */
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

/** What is asked of KMS for one signature. */
export interface SignInput {
  readonly algorithm: SigningAlgorithmSpec;
  /** What the message is: a digest, or the µ of ML-DSA. One algorithm has one type. */
  readonly messageType: 'DIGEST' | 'EXTERNAL_MU';
  readonly message: Uint8Array;
}

/**
 * `SigningAlgorithm`, `MessageType` and `Message` that have a key of this spec sign the input of an operation under the scheme.
 * Undefined when they do not go together.
 */
export function signInput(
  spec: TlsKeySpec,
  scheme: SignatureSchemeFacts,
  input: Uint8Array,
): SignInput | undefined {
  const level = mlDsaNamed(spec.keyName);
  if (level !== undefined) {
    if (scheme.name !== level.scheme) return undefined;
    return { algorithm: 'ML_DSA_SHAKE_256', messageType: 'EXTERNAL_MU', message: input };
  }
  if (spec.ecdsa !== undefined) {
    if (scheme.algorithm !== 'ecdsa') return undefined;
    const { digestLength } = curveOfKind(spec.keyName);
    return { algorithm: spec.ecdsa, messageType: 'DIGEST', message: fitEcdsaDigest(input, digestLength) };
  }
  const algorithm = rsaAlgorithms[`${scheme.algorithm} ${scheme.hash}`];
  return algorithm === undefined ? undefined : { algorithm, messageType: 'DIGEST', message: input };
}
