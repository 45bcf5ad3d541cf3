import type { EphemeralKeyInfo } from 'node:tls';

/** OpenSSL's names and sizes of the groups of s2n-tls. Hybrid groups are absent, because node:tls reports `{}` for them. */
const groups: Readonly<Record<string, EphemeralKeyInfo>> = {
  secp256r1: { type: 'ECDH', name: 'prime256v1', size: 256 },
  secp384r1: { type: 'ECDH', name: 'secp384r1', size: 384 },
  secp521r1: { type: 'ECDH', name: 'secp521r1', size: 521 },
  x25519: { type: 'ECDH', name: 'X25519', size: 253 },
};

export function ephemeralKeyOf(group: string): EphemeralKeyInfo | object {
  return groups[group] ?? {};
}
