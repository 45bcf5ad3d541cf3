import type { X509Certificate } from 'node:crypto';
import { mlDsaLevelIn } from '../signers/ml-dsa.ts';
import { warning, type Finding } from './finding.ts';

/** Bytes that most servers may send before a client acknowledges some: ten segments (RFC 6928) of 1,460 bytes. */
export const firstWindow = 10 * 1460;

/**
 * What a TLS 1.3 server sends with X25519MLKEM768 beside certificates and signature: ServerHello, EncryptedExtensions, Finished and
 * the headers. Measured with `node scripts/bench/post-quantum.mjs`.
 */
const besides = 1376;
/** RFC 8446 §4.4.2: the length of a certificate, and that of its extensions. */
const aroundEach = 5;

const signatureLengths: Readonly<Record<string, number>> = {
  'ML-DSA-44': 2420,
  'ML-DSA-65': 3309,
  'ML-DSA-87': 4627,
};
/** Of RSA-4096. */
const longestClassicalSignature = 512;

/** About how many bytes the first flight of a TLS 1.3 server with this chain has, the leaf first. */
export function firstFlight(chain: readonly X509Certificate[]): number {
  const [leaf] = chain;
  const level = leaf && mlDsaLevelIn(leaf.raw);
  const signature = signatureLengths[level?.name ?? ''] ?? longestClassicalSignature;
  return chain.reduce((sum, { raw }) => sum + raw.length + aroundEach, besides + signature);
}

/** A warning for a chain that makes each full handshake wait for another round trip. */
export function firstFlightFindings(chain: readonly X509Certificate[]): Finding[] {
  const bytes = firstFlight(chain);
  if (bytes <= firstWindow) return [];
  return [
    warning(
      'CHAIN_SIZE',
      `with this chain a server sends about ${bytes} bytes first, and TCP's first window is usually ${firstWindow}: each full ` +
        'handshake takes another round trip',
      'Shorten the chain (fewer names, no root, an intermediate with an ECDSA key), or use ML-DSA-44; resumed handshakes send no chain.',
    ),
  ];
}
