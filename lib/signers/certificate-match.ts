import { createHash, type KeyObject, type X509Certificate } from 'node:crypto';
import { KeyMismatchError } from '../errors.ts';
import { readChain } from '../pem/certificates.ts';
import { publicKeyOf } from './public-key.ts';
import type { Signer } from './signer.ts';

/**
 * Checks that the first certificate of a chain is for the signer's key, so that a server with the wrong certificate is
 * refused when it is configured and not at its first handshake.
 *
 * @throws KeyMismatchError naming both public keys (SHA-256 of the SubjectPublicKeyInfo), or saying that there is no
 *   certificate to read.
 */
export function checkCertificateMatchesSigner(certificateChainPem: string, signer: Signer): void {
  const leaf = readLeaf(certificateChainPem);
  const publicKey = publicKeyOf(leaf);
  if (publicKey.equals(signer.publicKey)) return;
  throw new KeyMismatchError(
    `the certificate (${leaf.subject.replaceAll('\n', ', ') || 'no subject'}) is for another key than the signer's: ` +
      `the certificate's public key is SHA-256 ${publicKeyFingerprint(publicKey)}, ` +
      `the signer's is SHA-256 ${publicKeyFingerprint(signer.publicKey)}. ` +
      "Use the certificate that was issued for the signer's key (the server's own must come first in the file), " +
      'or open the signer with the key that the certificate was made for; a new KMS key needs a new certificate.',
  );
}

/** SHA-256 of the DER SubjectPublicKeyInfo, in hexadecimal: as `openssl pkey -pubin -outform DER | sha256sum` prints it. */
export function publicKeyFingerprint(publicKey: KeyObject): string {
  return createHash('sha256')
    .update(publicKey.export({ format: 'der', type: 'spki' }))
    .digest('hex');
}

function readLeaf(pem: string): X509Certificate {
  try {
    const [leaf] = readChain(
      'the certificate chain',
      "PEM certificates, the server's own first",
      pem,
    ).certificates;
    if (leaf !== undefined) return leaf;
  } catch (cause) {
    throw new KeyMismatchError(cause instanceof Error ? cause.message : String(cause), { cause });
  }
  throw new KeyMismatchError('the certificate chain is empty');
}
