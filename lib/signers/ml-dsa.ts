import { createHash } from 'node:crypto';
import type { SignatureScheme } from './signature-scheme.ts';

/** A parameter set of ML-DSA (FIPS 204 §4), by each name that it goes by. */
export interface MlDsaLevel {
  /** As in messages, and in WebCrypto. */
  readonly name: 'ML-DSA-44' | 'ML-DSA-65' | 'ML-DSA-87';
  /** The only scheme that a key of this level signs under. */
  readonly scheme: SignatureScheme;
  /** The last byte of its object identifier, 2.16.840.1.101.3.4.3.17 and on (RFC 9881 §2). */
  readonly arc: number;
  /** Bytes of a public key (FIPS 204, table 2). */
  readonly publicKeyLength: number;
}

const levels: readonly MlDsaLevel[] = [
  { name: 'ML-DSA-44', scheme: 'mldsa44', arc: 0x11, publicKeyLength: 1312 },
  { name: 'ML-DSA-65', scheme: 'mldsa65', arc: 0x12, publicKeyLength: 1952 },
  { name: 'ML-DSA-87', scheme: 'mldsa87', arc: 0x13, publicKeyLength: 2592 },
];

/** An AlgorithmIdentifier up to the last byte: SEQUENCE, OBJECT IDENTIFIER, no parameters. */
const algorithmStart = Buffer.from('300b06096086480165030403', 'hex');
/** What follows it in a SubjectPublicKeyInfo: the BIT STRING, whose length is in two bytes, and which has no unused bits. */
const bitString = 0x03;

/** The ML-DSA level of this name. */
export function mlDsaNamed(name: string): MlDsaLevel | undefined {
  return levels.find((level) => level.name === name);
}

/** The level of an ML-DSA public key in DER, a SubjectPublicKeyInfo or a certificate that has one; undefined for other keys. */
export function mlDsaLevelIn(der: Uint8Array): MlDsaLevel | undefined {
  const bytes = Buffer.from(der.buffer, der.byteOffset, der.byteLength);
  for (let at = bytes.indexOf(algorithmStart); at >= 0; at = bytes.indexOf(algorithmStart, at + 1)) {
    const end = at + algorithmStart.length;
    const level = levels.find(({ arc }) => arc === bytes[end]);
    const length = level && level.publicKeyLength + 1;
    // A certificate also has the algorithm of its signature, where no key follows.
    if (bytes[end + 1] === bitString && bytes[end + 2] === 0x82 && bytes.readUInt16BE(end + 3) === length)
      return level;
  }
  return undefined;
}

/**
 * The 64 bytes µ that ML-DSA signs in place of a message, with an empty context as in TLS (FIPS 204, algorithm 7 lines 6 to 7, and
 * algorithm 2): SHAKE256(SHAKE256(public key) ‖ 0 ‖ 0 ‖ message).
 *
 * @param spki The public key, DER SubjectPublicKeyInfo.
 */
export function messageRepresentative(spki: Uint8Array, message: Uint8Array): Buffer {
  const level = mlDsaLevelIn(spki);
  if (level === undefined) throw new TypeError('not an ML-DSA key');
  return shake(shake(spki.subarray(-level.publicKeyLength)), Uint8Array.of(0, 0), message);
}

function shake(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('shake256', { outputLength: 64 });
  for (const part of parts) hash.update(part);
  return hash.digest();
}
