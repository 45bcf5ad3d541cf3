import { constants, createHash, verify, type KeyObject } from 'node:crypto';
import { kindOfKey } from '../schemes-of-key.ts';
import type { Asked } from './asked.ts';
import { ConformanceError } from './conformance-error.ts';

/** @throws ConformanceError saying what is wrong with the signature, where that can be told. */
export function explainSignature(asked: Asked, publicKey: KeyObject, signature: Uint8Array): void {
  if (verifies(asked, publicKey, signature)) return;
  throw new ConformanceError(`${asked.facts.name}: ${diagnosis(asked, publicKey, signature)}`);
}

/** As a peer verifies it. */
function verifies({ facts, message }: Asked, key: KeyObject, signature: Uint8Array): boolean {
  return verify(
    facts.hash ?? null,
    message,
    facts.algorithm === 'rsa-pss' ? pss(key, constants.RSA_PSS_SALTLEN_DIGEST) : { key },
    signature,
  );
}

function pss(key: KeyObject, saltLength: number): Parameters<typeof verify>[2] {
  return { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength };
}

function diagnosis(asked: Asked, publicKey: KeyObject, signature: Uint8Array): string {
  const { facts, message, operation } = asked;
  const wanted = lengthWanted(publicKey);
  if (signature.length === 0) return 'the signature has no bytes';
  if (facts.hash !== undefined) {
    const hashedAgain: Asked = { ...asked, message: operation.input };
    if (facts.algorithm === 'ecdsa' && verifiesRaw(asked, publicKey, signature)) {
      return 'the signature is r and s side by side (IEEE P1363); TLS has DER Ecdsa-Sig-Value: convert it (derOfRawEcdsa)';
    }
    if (
      facts.algorithm === 'rsa-pss' &&
      verify(facts.hash, message, pss(publicKey, constants.RSA_PSS_SALTLEN_AUTO), signature)
    ) {
      return `the salt of the signature has another length than the digest, ${facts.inputLength} bytes, as TLS asks (RFC 8446 §4.2.3)`;
    }
    if (
      verifies(hashedAgain, publicKey, signature) ||
      (facts.algorithm === 'ecdsa' && verifiesRaw(hashedAgain, publicKey, signature))
    ) {
      return 'the digest was hashed again before it was signed: the input is a digest already';
    }
    for (const [algorithm, name] of [
      ['rsa-pss', 'RSA-PSS'],
      ['rsa-pkcs1', 'PKCS#1 v1.5'],
    ] as const) {
      if (
        facts.algorithm.startsWith('rsa') &&
        verifies({ ...asked, facts: { ...facts, algorithm } }, publicKey, signature)
      )
        return `the signature is ${name}, which is another padding than the scheme has`;
    }
  }
  if (wanted !== undefined && signature.length !== wanted) {
    return `the signature has ${signature.length} bytes, and the key's modulus ${wanted}`;
  }
  const fingerprint = createHash('sha256')
    .update(publicKey.export({ format: 'der', type: 'spki' }))
    .digest('hex');
  return `the signature does not verify with publicKey (SHA-256 ${fingerprint}): it was made with another key, over another input, or changed`;
}

function verifiesRaw({ facts, message }: Asked, key: KeyObject, signature: Uint8Array): boolean {
  return verify(facts.hash, message, { key, dsaEncoding: 'ieee-p1363' }, signature);
}

/** Bytes of an RSA signature. */
function lengthWanted(publicKey: KeyObject): number | undefined {
  const { modulusLength } = publicKey.asymmetricKeyDetails ?? {};
  return kindOfKey(publicKey)?.type === 'rsa' && modulusLength !== undefined ? modulusLength / 8 : undefined;
}
