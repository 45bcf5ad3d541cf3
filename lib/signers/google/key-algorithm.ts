import { curveOfKind } from '../curves.ts';
import { digestInfo } from '../digest-info.ts';
import { fitEcdsaDigest } from '../ecdsa-digest.ts';
import { signatureSchemes, type SignatureScheme, type SignatureSchemeFacts } from '../signature-scheme.ts';

/** What a version of a key signs, which Cloud KMS fixes when it is made ("Key purposes and algorithms"). */
export interface KeyAlgorithm {
  /** As Cloud KMS writes it: `EC_SIGN_P256_SHA256`. */
  readonly name: string;
  /** As `kindOfKey` writes it: `P-256`. */
  readonly keyName: string;
  readonly schemes: readonly SignatureScheme[];
  /** What `AsymmetricSign` is asked to sign. */
  readonly input: (scheme: SignatureSchemeFacts, digest: Uint8Array) => SignInput;
}

type Hash = 'sha256' | 'sha384' | 'sha512';

/** A digest, or for the RAW algorithms the data that is padded and signed as it is. */
export type SignInput =
  { readonly digest: Readonly<Partial<Record<Hash, Uint8Array>>> } | { readonly data: Uint8Array };

/** The algorithm of this name; undefined when TLS cannot use it. */
export function keyAlgorithm(name: string): KeyAlgorithm | undefined {
  const [, curve, bits] = /^EC_SIGN_P(256|384)_SHA(256|384)$/.exec(name) ?? [];
  if (curve !== undefined && curve === bits) {
    // Under TLS 1.2 a scheme names the hash only: any digest is made to fit.
    const { name: keyName, hash, digestLength } = curveOfKind(`P-${curve}`);
    return {
      ...{ name, keyName, schemes: schemesWith('ecdsa') },
      input: (_, digest) => ({ digest: { [hash]: fitEcdsaDigest(digest, digestLength) } }),
    };
  }
  const rsa = /^RSA_SIGN_(PSS|PKCS1)_(2048|3072|4096)_SHA(256|512)$/.exec(name);
  if (rsa !== null) {
    const [, padding, size = '', sha] = rsa;
    const hash: Hash = `sha${sha as '256' | '512'}`;
    return {
      ...{ name, keyName: `RSA-${size}` },
      schemes: schemesWith(padding === 'PSS' ? 'rsa-pss' : 'rsa-pkcs1', hash),
      input: (_, digest) => ({ digest: { [hash]: digest } }),
    };
  }
  const [, size] = /^RSA_SIGN_RAW_PKCS1_(2048|3072|4096)$/.exec(name) ?? [];
  if (size === undefined) return undefined;
  return {
    ...{ name, keyName: `RSA-${size}`, schemes: schemesWith('rsa-pkcs1') },
    input: ({ hash = 'sha256' }, digest) => ({ data: digestInfo(hash, digest) }),
  };
}

function schemesWith(algorithm: SignatureSchemeFacts['algorithm'], hash?: Hash): SignatureScheme[] {
  return signatureSchemes
    .filter((facts) => facts.algorithm === algorithm && (hash === undefined || facts.hash === hash))
    .map(({ name }) => name);
}
