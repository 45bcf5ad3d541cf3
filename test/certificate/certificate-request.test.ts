import { expect } from 'chai';
import {
  createCertificateRequest,
  type CertificateRequestOptions,
} from '../../lib/certificate/certificate-request.ts';
import { SignerError } from '../../lib/errors.ts';
import { keyNames, keyPair, type KeyName } from '../signers/key-pairs.ts';
import { rejectionOf } from '../signers/rejection.ts';
import { openssl } from './openssl.ts';
import { localSigner, signersAt } from './signers.ts';

const signatureAlgorithms: Readonly<Record<KeyName, string>> = {
  'P-256': 'ecdsa-with-SHA256',
  'P-384': 'ecdsa-with-SHA384',
  'P-521': 'ecdsa-with-SHA512',
  'RSA-2048': 'sha256WithRSAEncryption',
  'RSA-3072': 'sha256WithRSAEncryption',
  'RSA-4096': 'sha256WithRSAEncryption',
};

/** Verifies the request's own signature, and returns what openssl reads in it. */
function verifiedText(request: string): string {
  const text = openssl(['req', '-verify', '-text', '-noout', '-nameopt', 'RFC2253', '-in', 'request.pem'], {
    'request.pem': request,
  });
  expect(text).to.include('verify OK');
  return text;
}

describe('createCertificateRequest', () => {
  const signer = localSigner('P-256');
  const made = (options: Partial<CertificateRequestOptions> = {}): Promise<string> =>
    createCertificateRequest({ signer, subject: { CN: 'site.example' }, ...options });

  for (const place of ['LocalKeySigner', 'KmsSigner over the local KMS'] as const) {
    describe(`with ${place}`, () => {
      const signerOf = signersAt(place);
      for (const name of keyNames) {
        it(`makes a ${name} request that openssl reads and verifies`, async () => {
          const keySigner = await signerOf(name);
          const request = await createCertificateRequest({
            signer: keySigner,
            subject: { C: 'GB', O: 'Example Ltd', CN: 'site.example' },
            altNames: { dns: ['site.example', '*.site.example'], ip: ['192.0.2.1'] },
          });
          expect(verifiedText(request))
            .to.include(`Signature Algorithm: ${signatureAlgorithms[name]}`)
            .and.include('Subject: CN=site.example,O=Example Ltd,C=GB')
            .and.include('DNS:site.example, DNS:*.site.example, IP Address:192.0.2.1')
            .and.include('TLS Web Server Authentication');
          const publicKey = openssl(['req', '-pubkey', '-noout', '-in', 'request.pem'], {
            'request.pem': request,
          });
          expect(publicKey).to.equal(keySigner.publicKey.export({ format: 'pem', type: 'spki' }));
        }).timeout(60_000);
      }
    });
  }

  it('becomes a certificate at an authority, with the names it asks for', async () => {
    const authority = {
      'ca.key': keyPair('P-384').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString(),
      'request.pem': await made({ altNames: { dns: ['www.site.example'] } }),
    };
    const ca = openssl(
      ['req', '-x509', '-key', 'ca.key', '-subj', '/CN=Example CA', '-days', '1'],
      authority,
    );
    const issued = openssl(
      [
        ...['x509', '-req', '-in', 'request.pem', '-CA', 'ca.pem', '-CAkey', 'ca.key', '-CAcreateserial'],
        ...['-days', '1', '-copy_extensions', 'copyall'],
      ],
      { ...authority, 'ca.pem': ca },
    );
    const certificate = issued.slice(issued.indexOf('-----BEGIN'));
    const files = { 'ca.pem': ca, 'cert.pem': certificate };
    const verify = ['verify', '-purpose', 'sslserver', '-verify_hostname', 'www.site.example'];
    expect(openssl([...verify, '-CAfile', 'ca.pem', 'cert.pem'], files)).to.include('cert.pem: OK');
  });

  it('needs no subject where there are alternative names', async () => {
    const text = verifiedText(
      await createCertificateRequest({ signer, altNames: { dns: ['site.example'] } }),
    );
    expect(text).to.match(/Subject: *\n/);
    expect(text).to.match(/Subject Alternative Name: critical\n +DNS:site.example\n/);
  });

  it("asks for a client's certificate, or an authority's", async () => {
    const client = await made({ subject: { CN: 'client 7' }, extendedKeyUsage: ['clientAuth'] });
    expect(verifiedText(client))
      .to.include('TLS Web Client Authentication')
      .and.not.include('Alternative Name');
    const authority = await made({ subject: { CN: 'Example CA' }, basicConstraints: { ca: true } });
    expect(verifiedText(authority)).to.include('CA:TRUE').and.include('Certificate Sign');
  });

  it('refuses what it cannot ask for, by name', async () => {
    for (const [option, options] of [
      ['signer', { signer: {} }],
      ['subject', { subject: undefined, extendedKeyUsage: ['clientAuth'] }],
      ['altNames', { subject: { CN: 'My Server' } }],
      ['altNames.dns[0]', { altNames: { dns: ['a b'] } }],
      ['validDays', { validDays: 3 }],
    ] as const) {
      const error = await rejectionOf(Promise.resolve(Reflect.apply(made, undefined, [options])));
      expect(error, option).to.include({ code: 'ERR_S2N_PKEY_INVALID_OPTION', option });
    }
  });

  it('is not made with a signature that does not verify', async () => {
    const { publicKey, schemes } = signer;
    const sign = (): Promise<Uint8Array> => Promise.resolve(Buffer.from('3006020101020101', 'hex'));
    const error = await rejectionOf(made({ signer: { publicKey, schemes, sign } }));
    expect(error).to.be.instanceOf(SignerError).and.include({ code: 'ERR_S2N_PKEY_SIGNATURE_INVALID' });
  });
});
