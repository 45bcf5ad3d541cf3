import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type ConnectionOptions } from 'node:tls';
import { expect } from 'chai';
import {
  createSelfSignedCertificate,
  createServer,
  InvalidOptionError,
  LocalKeySigner,
  servedCertificates,
  watchCertificate,
  type CertificateWatch,
  type TlsServer,
  type TlsServerOptions,
} from '../../lib/index.ts';
import { identity } from '../fixtures/identity.ts';
import { outcomeOf, type Outcome } from '../fixtures/outcome.ts';
import { close } from '../fixtures/peers.ts';

const siteName = 'site.example';

describe('a certificate file that is watched, on a server with more than its certificate', () => {
  const { key, cert } = identity('P-256', siteName);
  const signer = new LocalKeySigner({ key });
  let folder: string;
  let file: string;
  let server: TlsServer;
  let watch: CertificateWatch | undefined;

  const issue = (validDays: number): Promise<string> =>
    createSelfSignedCertificate({
      signer,
      subject: `CN=${siteName}`,
      altNames: { dns: [siteName] },
      validDays,
    });

  beforeEach(async () => {
    folder = mkdtempSync(join(tmpdir(), 's2n-pkey-renewal-'));
    file = join(folder, 'cert.pem');
    writeFileSync(file, await issue(30));
  });
  afterEach(async () => {
    watch?.close();
    watch = undefined;
    await close(server);
    rmSync(folder, { recursive: true });
  });

  async function watched(options: object = {}): Promise<void> {
    watch = await watchCertificate(server, { cert: file, signer, settle: 20, ...options });
  }

  async function swappedBy(change: () => void): Promise<void> {
    if (watch === undefined) throw new Error('nothing is watched');
    const swapped = once(watch, 'swapped');
    change();
    await swapped;
  }

  const rsa = identity('RSA-2048', siteName);
  const ocspResponse = Buffer.from('30030a0106', 'hex');

  /** With certificates for both kinds of key, and settings that are none of a context's default. */
  async function serving(options: Partial<TlsServerOptions> = {}): Promise<void> {
    const others = [{ cert: rsa.cert, signer: new LocalKeySigner({ key: rsa.key }) }];
    server = createServer(
      { cert, signer, identities: others, ocspResponse, minVersion: 'TLSv1.3', ...options },
      (socket) => socket.on('error', () => undefined).end('hello'),
    );
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  const visit = (options: ConnectionOptions): Promise<Outcome | 'refused'> =>
    outcomeOf((server.address() as AddressInfo).port, { servername: siteName, ...options });
  const rsaOnly = { sigalgs: 'rsa_pss_rsae_sha256' };
  const stapled = async (): Promise<unknown> => {
    const socket = connect({
      ...{ port: (server.address() as AddressInfo).port, host: '127.0.0.1' },
      ...{ requestOCSP: true, rejectUnauthorized: false },
    });
    const [response] = (await once(socket, 'OCSPResponse')) as [Buffer | null];
    const closed = once(socket, 'close');
    socket.resume().end();
    await closed;
    return response;
  };

  it('takes the place of the one for its kind of key, and changes nothing else', async () => {
    await serving();
    const before = await visit({});
    if (before === 'refused' || !before.session) throw new Error('the client was given no session');
    await watched();
    const next = await issue(40);
    for (const change of [undefined, next]) {
      if (change !== undefined) await swappedBy(() => writeFileSync(file, change));
      expect(await visit({ maxVersion: 'TLSv1.2' })).to.equal('refused');
      expect(await visit(rsaOnly)).to.include({ keyType: 'rsa', protocol: 'TLSv1.3' });
      expect(await visit({})).to.include({ keyType: 'ec' });
      // The ticket keys are the same, and so are the keys that the session was authenticated by.
      expect(await visit({ session: before.session })).to.include({ resumed: true });
    }
    expect(servedCertificates(server)).to.have.lengthOf(2);
  });

  it('leaves its OCSP response where the certificate is the same, and drops it with the certificate', async () => {
    await serving();
    writeFileSync(file, cert);
    await watched();
    expect(await stapled()).to.deep.equal(ocspResponse);
    const next = await issue(40);
    await swappedBy(() => writeFileSync(file, next));
    expect(await stapled()).to.equal(null);
  });

  it('keeps requestCert and the authorities for client certificates', async () => {
    await serving({ requestCert: true, ca: rsa.cert });
    await watched();
    expect(await visit({})).to.equal('refused');
    expect(await visit(identity('P-384'))).to.equal('refused');
    expect(await visit(rsa)).to.include({ protocol: 'TLSv1.3' });
  });

  it('adds a certificate for a new kind of key, and removes it when the file has another kind', async () => {
    await serving({ cert: rsa.cert, signer: new LocalKeySigner({ key: rsa.key }), identities: [] });
    const both = new Map([[rsa.cert, new LocalKeySigner({ key: rsa.key })]]);
    await watched({ signer: (pem: string) => both.get(pem) ?? signer });
    expect(await visit({})).to.include({ keyType: 'ec' });
    expect(await visit(rsaOnly)).to.include({ keyType: 'rsa' });
    await swappedBy(() => writeFileSync(file, rsa.cert));
    expect(await visit({})).to.include({ keyType: 'rsa' });
    expect(servedCertificates(server)).to.have.lengthOf(1);
    await swappedBy(() => writeFileSync(file, cert));
    expect(servedCertificates(server)).to.have.lengthOf(1);
  });

  it('says which options are no certificate’s to change', async () => {
    await serving();
    const given: object[] = [{ identities: [] }, { ocspResponse }, { minVersion: 'TLSv1.1' }];
    for (const options of given) {
      const [option] = Object.keys(options);
      const refusal = await watched(options).then(
        () => undefined,
        (error: unknown) => error,
      );
      expect(refusal).to.be.instanceOf(InvalidOptionError).with.property('option', option);
    }
  });
});
