import { types } from 'node:util';
import { Given } from '../errors.ts';
import { refusal } from '../options/option.ts';
import { usableKeysWithMlDsa } from '../signers/curves.ts';
import { mlDsaNamed } from '../signers/ml-dsa.ts';
import { kindOfKey } from '../signers/schemes-of-key.ts';
import { signatureSchemes, type SignatureSchemeFacts } from '../signers/signature-scheme.ts';
import { signerOption } from '../signers/signer-option.ts';
import type { Signer } from '../signers/signer.ts';

/** A signer that is fit to sign certificates, and how it does. */
export interface SigningKey {
  readonly signer: Signer;
  readonly scheme: SignatureSchemeFacts;
  /** The algorithm in WebCrypto's words. */
  readonly algorithm:
    | { readonly name: 'ECDSA'; readonly hash: string; readonly namedCurve: string }
    | { readonly name: 'RSASSA-PKCS1-v1_5'; readonly hash: string }
    | { readonly name: 'ML-DSA-44' | 'ML-DSA-65' | 'ML-DSA-87' };
}

/**
 * How a signer signs certificates: ecdsa-with-SHA256, -SHA384 or -SHA512 as strong as its curve, sha256WithRSAEncryption, or
 * ML-DSA of the key's level (RFC 9881).
 *
 * @throws InvalidOptionError `signer`, also when its key or its schemes are not fit for that.
 */
export function checkSigningKey(signer: Signer): SigningKey {
  if (!types.isKeyObject(signer.publicKey)) throw refusal('signer', signerOption, signer);
  const kind = kindOfKey(signer.publicKey);
  if (kind === undefined) {
    const { asymmetricKeyType } = signer.publicKey;
    const given = new Given(`a key of type ${asymmetricKeyType}`);
    throw refusal('signer', signerOption, given, `one of ${usableKeysWithMlDsa}`);
  }
  const level = mlDsaNamed(kind.name);
  const algorithm = kind.type === 'ec' ? 'ecdsa' : 'rsa-pkcs1';
  const scheme = signatureSchemes.find((one) =>
    level ? one.name === level.scheme : one.algorithm === algorithm && one.hash === kind.hash,
  );
  if (scheme === undefined || !signer.schemes.includes(scheme.name)) {
    throw refusal(
      'signer',
      signerOption,
      new Given(signer.schemes.join(', ')),
      `one that signs under ${scheme?.name}, as certificates with a ${kind.name} key are signed`,
    );
  }
  if (level) return { signer, scheme, algorithm: { name: level.name } };
  const hash = `SHA-${(kind.hash ?? '').slice('sha'.length)}`;
  return {
    signer,
    scheme,
    algorithm:
      kind.type === 'ec'
        ? { name: 'ECDSA', hash, namedCurve: kind.name }
        : { name: 'RSASSA-PKCS1-v1_5', hash },
  };
}
