import { InvalidOptionError } from '../errors.ts';

/**
 * Makes a digest of one hash signable by a service that signs an EC key's digests of one length only, as AWS KMS does (a
 * P-384 key: ECDSA_SHA_384 and 48 bytes). Under TLS 1.2 a peer may ask any EC key for any hash (RFC 5246 §7.4.1.4.1).
 *
 * ECDSA uses a digest as a number e: the leftmost n bits of it, where n is the order's length in bits (FIPS 186-5 §6.4.1,
 * RFC 6979 §2.3.2). Two digests of the same e have the same signatures:
 *
 * - a digest shorter than `length` is padded with zeros on the left, which leaves the number as it is;
 * - a longer one is cut to its leftmost `length` bytes. They hold the leftmost n bits, so long as `length` is the curve's
 *   own: 32, 48 and, for P-521 (n = 521), 64, which no digest here exceeds.
 *
 * The signature verifies under the hash that the peer asked for; the service need not know.
 *
 * @param length Bytes that the service signs: 32 for P-256, 48 for P-384, 64 for P-521.
 */
export function fitEcdsaDigest(digest: Uint8Array, length: number): Uint8Array {
  if (length !== 32 && length !== 48 && length !== 64) {
    throw new InvalidOptionError('length', '32 (P-256), 48 (P-384) or 64 (P-521)', length);
  }
  if (digest.length === length) return digest;
  if (digest.length > length) return digest.subarray(0, length);
  const padded = new Uint8Array(length);
  padded.set(digest, length - digest.length);
  return padded;
}
