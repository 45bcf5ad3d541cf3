import { types } from 'node:util';
import { Given, InvalidOptionError } from '../errors.ts';
import { usableKeys } from '../signers/curves.ts';
import { kindOfKey } from '../signers/schemes-of-key.ts';
import { signatureSchemes, type SignatureSchemeFacts } from '../signers/signature-scheme.ts';
import type { Signer } from '../signers/signer.ts';

/** A signer that is fit to sign certificates, and how it does. */
export interface SigningKey {
  readonly signer: Signer;
  readonly scheme: SignatureSchemeFacts;
  /** The algorithm in WebCrypto's words. */
  readonly algorithm:
    | { readonly name: 'ECDSA'; readonly hash: string; readonly namedCurve: string }
    | { readonly name: 'RSASSA-PKCS1-v1_5'; readonly hash: string };
}

/**
 * How a signer signs certificates: ecdsa-with-SHA256, -SHA384 or -SHA512 as strong as its curve, or sha256WithRSAEncryption.
 *
 * @throws InvalidOptionError `signer`, also when its key or its schemes are not fit for that.
 */
export function checkSigningKey(signer: Signer): SigningKey {
  if (
    typeof signer !== 'object' ||
    signer === null ||
    typeof signer.sign !== 'function' ||
    !types.isKeyObject(signer.publicKey) ||
    !Array.isArray(signer.schemes)
  ) {
    throw new InvalidOptionError(
      'signer',
      'a Signer, such as await KmsSigner.open({ keyId }) or new LocalKeySigner({ key })',
      signer,
    );
  }
  const kind = kindOfKey(signer.publicKey);
  if (kind === undefined) {
    const { asymmetricKeyType } = signer.publicKey;
    throw new InvalidOptionError(
      'signer',
      `one of ${usableKeys}`,
      new Given(`a key of type ${asymmetricKeyType}`),
    );
  }
  const algorithm = kind.type === 'ec' ? 'ecdsa' : 'rsa-pkcs1';
  const scheme = signatureSchemes.find((one) => one.algorithm === algorithm && one.hash === kind.hash);
  if (scheme === undefined || !signer.schemes.includes(scheme.name)) {
    throw new InvalidOptionError(
      'signer',
      `one that signs under ${scheme?.name}, as certificates with a ${kind.name} key are signed`,
      new Given(signer.schemes.join(', ')),
    );
  }
  const hash = `SHA-${kind.hash.slice('sha'.length)}`;
  return {
    signer,
    scheme,
    algorithm:
      kind.type === 'ec'
        ? { name: 'ECDSA', hash, namedCurve: kind.name }
        : { name: 'RSASSA-PKCS1-v1_5', hash },
  };
}
