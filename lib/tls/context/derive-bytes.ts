import { createHmac } from 'node:crypto';

const HASH_BYTES = 32;

/**
 * HKDF-SHA256 (RFC 5869). `hkdfSync` of Node keeps a copy of the secret until the garbage collector runs; this wipes what it has made, so
 * that a secret is gone when its last holder wipes it.
 */
export function deriveBytes(
  secret: Uint8Array,
  salt: Uint8Array,
  info: Uint8Array,
  length: number,
): Uint8Array {
  const key = createHmac('sha256', salt.length === 0 ? new Uint8Array(HASH_BYTES) : salt)
    .update(secret)
    .digest();
  // V8 keeps a short array in its heap unless it has a buffer of its own, and leaves copies where it moves it.
  const bytes = new Uint8Array(new ArrayBuffer(length));
  let block: Uint8Array = new Uint8Array();
  for (let filled = 0, count = 1; filled < length; filled += HASH_BYTES, count++) {
    const former = block;
    block = createHmac('sha256', key).update(former).update(info).update(Uint8Array.of(count)).digest();
    former.fill(0);
    bytes.set(block.subarray(0, length - filled), filled);
  }
  block.fill(0);
  key.fill(0);
  return bytes;
}
