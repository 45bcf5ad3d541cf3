import { createHash, X509Certificate, type KeyObject } from 'node:crypto';
import { describeValue, KeyMismatchError } from '../errors.ts';
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
  if (leaf.publicKey.equals(signer.publicKey)) return;
  throw new KeyMismatchError(
    `the certificate (${leaf.subject.replaceAll('\n', ', ') || 'no subject'}) is for another key than the signer's: ` +
      `the certificate's public key is SHA-256 ${publicKeyFingerprint(leaf.publicKey)}, ` +
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
  if (typeof pem !== 'string' || !pem.includes('-----BEGIN CERTIFICATE-----')) {
    throw new KeyMismatchError(
      'the certificate chain has no certificate: expected PEM with "-----BEGIN CERTIFICATE-----", ' +
        `the server's own first; given ${describeValue(pem)}`,
    );
  }
  try {
    return new X509Certificate(pem); // Reads the first certificate in the text.
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new KeyMismatchError(`the first certificate of the chain cannot be read (${reason})`, { cause });
  }
}
