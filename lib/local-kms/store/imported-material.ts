import {
  constants,
  createDecipheriv,
  createHash,
  createPrivateKey,
  createPublicKey,
  privateDecrypt,
  type KeyObject,
} from 'node:crypto';
import type { StoredMaterial } from './key-material.ts';
import type { KeySpecFacts } from './key-spec.ts';

/** The default initial value of AES key wrap with padding (RFC 5649 §3). */
const wrapInitialValue = Buffer.from('a65959a6', 'hex');

/**
 * The key material in what was encrypted under a wrapping key (RFC 8017 §7.1; RFC 5649). Throws when it is not.
 *
 * @param wrappingAlgorithm such as `RSAES_OAEP_SHA_256`, or `RSA_AES_KEY_WRAP_SHA_256`: an AES key in OAEP, then the material wrapped by it.
 */
export function unwrap(encrypted: Uint8Array, wrappingKey: KeyObject, wrappingAlgorithm: string): Buffer {
  const oaep = {
    key: wrappingKey,
    padding: constants.RSA_PKCS1_OAEP_PADDING,
    oaepHash: wrappingAlgorithm.endsWith('_SHA_1') ? 'sha1' : 'sha256',
  };
  if (!wrappingAlgorithm.startsWith('RSA_AES_KEY_WRAP')) return privateDecrypt(oaep, encrypted);
  const modulusBytes = (wrappingKey.asymmetricKeyDetails?.modulusLength ?? 0) / 8;
  const aesKey = privateDecrypt(oaep, encrypted.subarray(0, modulusBytes));
  const cipher = { 16: 'id-aes128-wrap-pad', 24: 'id-aes192-wrap-pad', 32: 'id-aes256-wrap-pad' }[
    aesKey.length
  ];
  if (cipher === undefined) throw new RangeError(`an AES key of ${aesKey.length} bytes`);
  const unwrapping = createDecipheriv(cipher, aesKey, wrapInitialValue);
  return Buffer.concat([unwrapping.update(encrypted.subarray(modulusBytes)), unwrapping.final()]);
}

/** Material as it is stored, and what it is known again by; undefined when it is not of the key spec. */
export function readImported(
  material: Buffer,
  facts: KeySpecFacts,
): { readonly stored: StoredMaterial; readonly fingerprint: string } | undefined {
  if (facts.kind === 'hmac') {
    if (material.length !== facts.length) return undefined;
    return { stored: { type: 'hmac', base64: material.toString('base64') }, fingerprint: sha256(material) };
  }
  if (facts.kind === 'ml-dsa') return undefined; // Node 20 and 22 read none; `CreateKey` makes no key for one.
  const key = readPkcs8(material);
  const { modulusLength, namedCurve } = key?.asymmetricKeyDetails ?? {};
  const fits =
    facts.kind === 'rsa'
      ? key?.asymmetricKeyType === 'rsa' && modulusLength === facts.modulusLength
      : key?.asymmetricKeyType === 'ec' && namedCurve === facts.namedCurve;
  if (key === undefined || !fits) return undefined;
  return {
    stored: { type: 'pkcs8', pem: key.export({ type: 'pkcs8', format: 'pem' }).toString() },
    fingerprint: sha256(createPublicKey(key).export({ type: 'spki', format: 'der' })),
  };
}

function readPkcs8(der: Buffer): KeyObject | undefined {
  try {
    return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
  } catch {
    return undefined;
  }
}

function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
