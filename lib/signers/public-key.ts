import { createPublicKey, type KeyObject, type X509Certificate } from 'node:crypto';
import { S2nPkeyError } from '../errors.ts';
import { mlDsaLevelIn } from './ml-dsa.ts';

/**
 * Reads a public key, DER SubjectPublicKeyInfo.
 *
 * @throws S2nPkeyError `ERR_S2N_PKEY_ML_DSA_UNREADABLE` for an ML-DSA key that this Node cannot read; what Node throws for others.
 */
export function readPublicKey(spki: Uint8Array): KeyObject {
  return readable(spki, () => createPublicKey({ key: Buffer.from(spki), format: 'der', type: 'spki' }));
}

/** The public key of a certificate; throws as `readPublicKey`. */
export function publicKeyOf(certificate: X509Certificate): KeyObject {
  return readable(certificate.raw, () => certificate.publicKey);
}

/** By trying: which Node reads ML-DSA keys depends on the OpenSSL that it was built with. */
function readable(der: Uint8Array, read: () => KeyObject): KeyObject {
  try {
    return read();
  } catch (cause) {
    const level = mlDsaLevelIn(der);
    if (level === undefined) throw cause;
    throw new S2nPkeyError(
      'ERR_S2N_PKEY_ML_DSA_UNREADABLE',
      `this Node (${process.version}, OpenSSL ${process.versions.openssl}) cannot read ${level.name} keys: run a Node with ` +
        'OpenSSL 3.5 or later, such as Node 24, or use a key and a certificate of another kind',
      { cause },
    );
  }
}
