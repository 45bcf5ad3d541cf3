import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer, get } from 'node:https';
import type { AddressInfo } from 'node:net';
import { expect } from 'chai';
import { SignerError } from '../../lib/errors.ts';
import {
  createSelfSignedCertificate,
  type SelfSignedCertificateOptions,
} from '../../lib/certificate/self-signed-certificate.ts';
import type { Signer } from '../../lib/signers/signer.ts';
import { keyNames, keyPair, makeKeyPair, privateKeyPem, type KeyName } from '../signers/key-pairs.ts';
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

function textOf(certificate: string): string {
  return openssl(['x509', '-text', '-noout', '-nameopt', 'RFC2253,utf8,-esc_msb', '-in', 'cert.pem'], {
    'cert.pem': certificate,
  });
}

/** What openssl says of the certificate, which is also its own trust anchor. */
function verified(certificate: string, ...args: readonly string[]): string {
  const strict = ['verify', '-x509_strict', '-check_ss_sig', '-CAfile', 'cert.pem', ...args, 'cert.pem'];
  return openssl(strict, { 'cert.pem': certificate });
}

/** The DER structure, a line an element. */
function structureOf(certificate: string): string {
  return openssl(['asn1parse', '-in', 'cert.pem'], { 'cert.pem': certificate });
}

describe('createSelfSignedCertificate', () => {
  const signer = localSigner('P-256');
  const made = (options: Partial<SelfSignedCertificateOptions> = {}): Promise<string> =>
    createSelfSignedCertificate({ signer, subject: { CN: 'site.example' }, ...options });

  for (const place of ['LocalKeySigner', 'KmsSigner over the local KMS'] as const) {
    describe(`with ${place}`, () => {
      const signerOf = signersAt(place);
      for (const name of keyNames) {
        it(`makes a ${name} certificate that openssl reads and verifies`, async () => {
          const keySigner = await signerOf(name);
          const certificate = await createSelfSignedCertificate({
            signer: keySigner,
            subject: { CN: 'async-pkey.demo.s2n', O: 'Example Ltd', C: 'GB' },
            altNames: { dns: ['async-pkey.demo.s2n'], ip: ['127.0.0.1', '::1'] },
          });
          expect(textOf(certificate))
            .to.include(`Signature Algorithm: ${signatureAlgorithms[name]}`)
            .and.include('Version: 3')
            .and.include('Subject: C=GB,O=Example Ltd,CN=async-pkey.demo.s2n')
            .and.include('Issuer: C=GB,O=Example Ltd,CN=async-pkey.demo.s2n')
            .and.include('DNS:async-pkey.demo.s2n, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1');
          const purpose = ['-purpose', 'sslserver'];
          expect(verified(certificate, ...purpose, '-verify_hostname', 'async-pkey.demo.s2n')).to.include(
            'OK',
          );
          expect(verified(certificate, ...purpose, '-verify_ip', '::1')).to.include('OK');
          expect(() => verified(certificate, '-verify_hostname', 'other.example')).to.throw(
            'hostname mismatch',
          );
          const read = new X509Certificate(certificate);
          expect(read.publicKey.equals(keySigner.publicKey)).to.equal(true);
          expect(read.verify(keySigner.publicKey)).to.equal(true);
        }).timeout(60_000);
      }
    });
  }

  it('is accepted by a client of node:https that trusts it and nothing else', async () => {
    const certificate = await made({ altNames: { dns: ['localhost'], ip: ['127.0.0.1'] } });
    const server = createServer(
      { cert: certificate, key: privateKeyPem(keyPair('P-256')) },
      (_request, response) => response.end('hello'),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const { port } = server.address() as AddressInfo;
    try {
      const request = get({
        host: '127.0.0.1',
        port,
        servername: 'localhost',
        ca: certificate,
        agent: false,
      });
      const [response] = (await once(request, 'response')) as [{ statusCode: number; resume(): void }];
      response.resume();
      expect(response.statusCode).to.equal(200);
    } finally {
      server.close();
    }
  });

  describe('unless told otherwise', () => {
    it("is for a TLS server and is no certificate authority, as browsers want a server's to be", async () => {
      const text = textOf(await made());
      expect(text).to.match(/Basic Constraints: critical\n +CA:FALSE/);
      expect(text).to.match(/X509v3 Key Usage: critical\n +Digital Signature\n/);
      expect(text).to.match(/Extended Key Usage: \n +TLS Web Server Authentication\n/);
    });

    it('is for its common name, since clients do not look there any more', async () => {
      expect(textOf(await made())).to.include('DNS:site.example\n');
      expect(textOf(await made({ subject: 'CN=192.0.2.1' }))).to.include('IP Address:192.0.2.1\n');
    });

    it('is valid now, and for 90 days', async () => {
      const { validFrom, validTo } = new X509Certificate(await made());
      const [from, to] = [Date.parse(validFrom), Date.parse(validTo)];
      expect(from).to.be.below(Date.now());
      expect(to + 1000 - from).to.equal(90 * 24 * 3_600_000);
    });

    it('has a serial number of its own: 16 bytes, positive', async () => {
      const serials = await Promise.all([made(), made(), made()]);
      const numbers = serials.map((certificate) => new X509Certificate(certificate).serialNumber);
      expect(new Set(numbers)).to.have.property('size', 3);
      for (const number of numbers) expect(number).to.match(/^[4-7][0-9A-F]{31}$/);
    });

    it("names its key, and itself as its issuer's", async () => {
      const text = textOf(await made());
      const [, subjectKey] = /Subject Key Identifier: \n +([0-9A-F:]{59})\n/.exec(text) ?? [];
      const [, authorityKey] = /Authority Key Identifier: \n +([0-9A-F:]{59})\n/.exec(text) ?? [];
      expect(subjectKey).to.be.a('string').and.equal(authorityKey);
    });
  });

  it('takes dates, in UTCTime to 2049 and GeneralizedTime from 2050 on', async () => {
    const notBefore = new Date('2049-12-31T23:59:58.900Z');
    const last = await made({ notBefore, notAfter: new Date('2049-12-31T23:59:59Z') });
    expect(structureOf(last))
      .to.match(/UTCTIME +:491231235958Z/)
      .and.to.match(/UTCTIME +:491231235959Z/);
    const beyond = await made({ notBefore, notAfter: new Date('2050-01-01T00:00:00Z') });
    expect(structureOf(beyond))
      .to.match(/UTCTIME +:491231235958Z/)
      .and.to.match(/GENERALIZEDTIME +:20500101000000Z/);
    const endless = await made({ notAfter: new Date('9999-12-31T23:59:59Z') });
    expect(textOf(endless)).to.include('Not After : Dec 31 23:59:59 9999 GMT');
    const days = await made({ notBefore: new Date('2030-01-01T00:00:00Z'), validDays: 10 });
    expect(textOf(days)).to.include('Not After : Jan 10 23:59:59 2030 GMT');
  });

  it('takes key usages, purposes and a serial number', async () => {
    const certificate = await made({
      keyUsage: ['digitalSignature', 'keyAgreement'],
      extendedKeyUsage: ['serverAuth', 'clientAuth', '1.3.6.1.5.5.7.3.17'],
      serialNumber: '00ff00aa',
    });
    expect(textOf(certificate))
      .to.include('Digital Signature, Key Agreement\n')
      .and.include(
        'TLS Web Server Authentication, TLS Web Client Authentication, ipsec Internet Key Exchange',
      );
    expect(new X509Certificate(certificate).serialNumber).to.equal('FF00AA');
    expect(verified(certificate, '-purpose', 'sslclient')).to.include('OK');
  });

  it('makes a certificate authority when told to', async () => {
    const certificate = await made({
      subject: { CN: 'Example CA' },
      basicConstraints: { ca: true, pathLength: 0 },
    });
    expect(textOf(certificate))
      .to.include('CA:TRUE, pathlen:0')
      .and.include('Digital Signature, Certificate Sign, CRL Sign')
      .and.not.include('Extended Key Usage');
    expect(verified(certificate)).to.include('OK');
  });

  it('writes names as they are given, whatever is in them', async () => {
    const CN = 'Ärger & Söhne, "x" \\ + #1';
    const certificate = await made({
      subject: { CN, OU: ['one', 'two'], C: 'DE' },
      altNames: {
        dns: ['*.site.example', 'xn--bcher-kva.example', 'bücher.example'],
        ip: ['::ffff:192.0.2.1'],
      },
    });
    expect(new X509Certificate(certificate).subject).to.equal(
      `CN=${CN.replaceAll(/[,"\\+#]/g, '\\$&').replace('\\#', '#')}\nOU=one\nOU=two\nC=DE`,
    );
    expect(structureOf(certificate)).to.match(/PRINTABLESTRING +:DE/);
    expect(textOf(certificate)).to.include(
      'DNS:*.site.example, DNS:xn--bcher-kva.example, IP Address:0:0:0:0:0:FFFF:C000:201\n',
    );
    const fromText = await made({ subject: 'CN=site.example, O=Example\\, Ltd' });
    expect(textOf(fromText)).to.include('Subject: O=Example\\, Ltd,CN=site.example');
  });

  describe('refuses, by name,', () => {
    const refused: readonly (readonly [what: string, option: string, options: object])[] = [
      ['no signer', 'signer', { signer: undefined }],
      ['a private key for a signer', 'signer', { signer: privateKeyPem(keyPair('P-256')) }],
      ['no subject', 'subject', { subject: undefined, altNames: { dns: ['site.example'] } }],
      ['an attribute that it does not know', 'subject', { subject: { commonName: 'site.example' } }],
      ['an empty attribute', 'subject.CN', { subject: { CN: '' } }],
      ['an attribute that is too long', 'subject.CN', { subject: { CN: 'x'.repeat(65) } }],
      ['a country in full', 'subject.C', { subject: { CN: 'site.example', C: 'Germany' } }],
      ['a server for no name', 'altNames', { altNames: {} }],
      ['a server for no name that clients look at', 'altNames', { subject: { CN: 'My Server' } }],
      ['other kinds of names', 'altNames.email', { altNames: { email: ['a@site.example'] } }],
      ['a URL', 'altNames.dns[1]', { altNames: { dns: ['site.example', 'https://site.example'] } }],
      ['a port', 'altNames.dns[0]', { altNames: { dns: ['site.example:443'] } }],
      ['an empty name', 'altNames.dns[0]', { altNames: { dns: [''] } }],
      ['a final dot', 'altNames.dns[0]', { altNames: { dns: ['site.example.'] } }],
      ['a label of 64 characters', 'altNames.dns[0]', { altNames: { dns: [`${'a'.repeat(64)}.example`] } }],
      ['a wildcard inside', 'altNames.dns[0]', { altNames: { dns: ['www.*.example'] } }],
      ['a wildcard for a top-level domain', 'altNames.dns[0]', { altNames: { dns: ['*.example'] } }],
      ['an address among host names', 'altNames.dns[0]', { altNames: { dns: ['127.0.0.1'] } }],
      ['a host name among addresses', 'altNames.ip[0]', { altNames: { ip: ['localhost'] } }],
      ['an address that is none', 'altNames.ip[0]', { altNames: { ip: ['127.0.0.256'] } }],
      ['an address with a zone', 'altNames.ip[0]', { altNames: { ip: ['fe80::1%eth0'] } }],
      ['a network', 'altNames.ip[0]', { altNames: { ip: ['10.0.0.0/8'] } }],
      ['a date as text', 'notBefore', { notBefore: '2030-01-01' }],
      ['a date that is none', 'notAfter', { notAfter: new Date('soon') }],
      ['an end before the beginning', 'notAfter', { notAfter: new Date('2001-01-01') }],
      ['a date before 1950', 'notBefore', { notBefore: new Date('1949-12-31T23:59:59Z') }],
      ['an end beyond 9999', 'validDays', { validDays: 4_000_000 }],
      ['no days', 'validDays', { validDays: 0 }],
      ['two ends', 'validDays', { validDays: 1, notAfter: new Date('2099-01-01') }],
      ['a serial number of zero', 'serialNumber', { serialNumber: '00' }],
      ['a serial number of 21 bytes', 'serialNumber', { serialNumber: '1'.repeat(42) }],
      [
        'a serial number that DER writes in 21 bytes',
        'serialNumber',
        { serialNumber: `80${'0'.repeat(38)}` },
      ],
      ['a serial number that is no number', 'serialNumber', { serialNumber: 'first' }],
      ['a negative serial number', 'serialNumber', { serialNumber: -1n }],
      ['a key usage that is none', 'keyUsage[0]', { keyUsage: ['sign'] }],
      ['signing certificates without being an authority', 'keyUsage', { keyUsage: ['keyCertSign'] }],
      ['a purpose that is none', 'extendedKeyUsage[0]', { extendedKeyUsage: ['server'] }],
      ['an OID that is none', 'extendedKeyUsage[0]', { extendedKeyUsage: ['3.1.2'] }],
      ['constraints that say nothing', 'basicConstraints.ca', { basicConstraints: {} }],
      [
        'a path below no authority',
        'basicConstraints.pathLength',
        { basicConstraints: { ca: false, pathLength: 0 } },
      ],
      ['a misspelt option', 'altnames', { altnames: { dns: ['site.example'] } }],
    ];
    for (const [what, option, options] of refused) {
      it(what, async () => {
        const error = await rejectionOf(made(options));
        expect(error).to.include({ code: 'ERR_S2N_PKEY_INVALID_OPTION', option });
      });
    }
  });

  describe('when the signer', () => {
    const faulty = (sign: Signer['sign']): Signer => {
      const { publicKey, schemes } = signer;
      return { publicKey, schemes, sign };
    };

    it('signs with another key than it says, is not believed', async () => {
      const other = makeKeyPair('P-256');
      const liar: Signer = { ...faulty((operation) => signer.sign(operation)), publicKey: other.publicKey };
      const error = await rejectionOf(made({ signer: liar }));
      expect(error).to.be.instanceOf(SignerError).and.include({ code: 'ERR_S2N_PKEY_SIGNATURE_INVALID' });
    });

    it('answers with something else, is not believed either', async () => {
      for (const answer of [new Uint8Array(0), new Uint8Array(71), Buffer.from('3006020101020101', 'hex')]) {
        const error = await rejectionOf(made({ signer: faulty(() => Promise.resolve(answer)) }));
        expect(error).to.be.instanceOf(SignerError).and.include({ code: 'ERR_S2N_PKEY_SIGNATURE_INVALID' });
      }
    });

    it('fails, that is the failure', async () => {
      const failure = new SignerError('the key is locked away');
      const error = await rejectionOf(made({ signer: faulty(() => Promise.reject(failure)) }));
      expect(error).to.equal(failure);
    });

    it('takes too long, is left, by AbortSignal', async () => {
      const error = await rejectionOf(made({ signal: AbortSignal.abort() }));
      expect(error).to.include({ code: 'ERR_S2N_PKEY_SIGN_ABORTED' });
    });
  });
});
