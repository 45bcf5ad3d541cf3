import { createHash, type KeyObject } from 'node:crypto';

/**
 * The 64 bytes µ that ML-DSA signs in place of a message, with an empty context as in TLS (FIPS 204, algorithm 7 lines 6 to 7, and
 * algorithm 2): SHAKE256(SHAKE256(public key) ‖ 0 ‖ 0 ‖ message).
 */
export function messageRepresentative(publicKey: KeyObject, message: Uint8Array): Uint8Array {
  return shake(shake(rawPublicKey(publicKey)), Uint8Array.of(0, 0), message);
}

function shake(...parts: readonly Uint8Array[]): Uint8Array {
  const hash = createHash('shake256', { outputLength: 64 });
  for (const part of parts) hash.update(part);
  return hash.digest();
}

/** Bytes of an ML-DSA public key (FIPS 204, table 2), which end its SubjectPublicKeyInfo. */
const lengths: Readonly<Record<string, number>> = { 'ml-dsa-44': 1312, 'ml-dsa-65': 1952, 'ml-dsa-87': 2592 };

function rawPublicKey(publicKey: KeyObject): Uint8Array {
  const length = lengths[publicKey.asymmetricKeyType ?? ''];
  if (length === undefined) throw new TypeError(`not an ML-DSA key: ${publicKey.asymmetricKeyType}`);
  return publicKey.export({ format: 'der', type: 'spki' }).subarray(-length);
}
