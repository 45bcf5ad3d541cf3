/**
 * DER of `DigestInfo` up to the digest itself (RFC 8017 §9.2, note 1): what a plain RSA PKCS#1 v1.5 signature is made of, for devices
 * that pad but do not know of hashes.
 */
const prefixes = {
  sha256: '3031300d060960864801650304020105000420',
  sha384: '3041300d060960864801650304020205000430',
  sha512: '3051300d060960864801650304020305000440',
} as const;

/** The `DigestInfo` of a digest. */
export function digestInfo(hash: keyof typeof prefixes, digest: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from(prefixes[hash], 'hex'), digest]);
}
