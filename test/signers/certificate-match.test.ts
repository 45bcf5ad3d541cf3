import { createHash } from 'node:crypto';
import { expect } from 'chai';
import { KeyMismatchError } from '../../lib/errors.ts';
import { checkCertificateMatchesSigner } from '../../lib/signers/certificate-match.ts';
import { LocalKeySigner } from '../../lib/signers/local-key-signer.ts';
import { openssl } from '../certificate/openssl.ts';
import { keyPair, makeKeyPair, privateKeyPem, type KeyPair } from './key-pairs.ts';

/** A self-signed certificate, made by openssl. */
function certificateFor(pair: KeyPair): string {
  const args = ['req', '-x509', '-key', 'key.pem', '-subj', '/CN=site.example', '-days', '1'];
  return openssl(args, { 'key.pem': privateKeyPem(pair) });
}

function fingerprint({ publicKey }: KeyPair): string {
  return createHash('sha256')
    .update(publicKey.export({ format: 'der', type: 'spki' }))
    .digest('hex');
}

describe("a certificate and a signer's key", () => {
  const mine = keyPair('P-256');
  const other = makeKeyPair('P-256');
  const signer = new LocalKeySigner({ key: privateKeyPem(mine) });

  it('belong together when the public keys are the same', () => {
    expect(() => checkCertificateMatchesSigner(certificateFor(mine), signer)).not.to.throw();
  });

  it('are refused otherwise, with both fingerprints and what to do', () => {
    expect(() => checkCertificateMatchesSigner(certificateFor(other), signer))
      .to.throw(KeyMismatchError)
      .that.satisfies((error: KeyMismatchError) => {
        expect(error.code).to.equal('ERR_S2N_PKEY_KEY_MISMATCH');
        expect(error.message).to.include('CN=site.example');
        expect(error.message).to.include(`certificate's public key is SHA-256 ${fingerprint(other)}`);
        expect(error.message).to.include(`signer's is SHA-256 ${fingerprint(mine)}`);
        expect(error.message).to.include("Use the certificate that was issued for the signer's key");
        return true;
      });
  });

  it('are judged by the first certificate of the chain', () => {
    const [first, second] = [certificateFor(mine), certificateFor(other)];
    expect(() => checkCertificateMatchesSigner(first + second, signer)).not.to.throw();
    expect(() => checkCertificateMatchesSigner(second + first, signer)).to.throw(
      KeyMismatchError,
      /must come first/,
    );
  });

  it('cannot be judged without a certificate to read', () => {
    expect(() => checkCertificateMatchesSigner('', signer)).to.throw(
      KeyMismatchError,
      /a text of 0 characters without PEM/,
    );
    const damaged = certificateFor(mine).replace(/\n[A-Za-z0-9+/]{20}/, '\n');
    expect(() => checkCertificateMatchesSigner(damaged, signer)).to.throw(KeyMismatchError, /cannot be read/);
  });
});
