import { once } from 'node:events';
import { mkdirSync, renameSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { createServer as createHttpsServer, Agent, get } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { createSelfSignedCertificate } from '../../lib/certificate/self-signed-certificate.ts';
import { InvalidOptionError, S2nPkeyError } from '../../lib/errors.ts';
import { attach } from '../../lib/tls/server/attach.ts';
import type { TlsServer } from '../../lib/tls/server/create-server.ts';
import { servedCertificates } from '../../lib/tls/server/served-certificates.ts';
import { watchCertificate } from '../../lib/tls/server/watch-certificate.ts';
import { siteName } from '../fixtures/kms-sites.ts';
import { watchedCertificateFile } from '../fixtures/watched-certificate-file.ts';

describe('a certificate file that is watched', function () {
  this.timeout(60_000);
  const at = watchedCertificateFile();
  const { sites, issue, watched, swappedBy, refusedBy, client, ended, shownFingerprint } = at;

  it('is served at once, and again when it is written, or renamed over', async () => {
    await watched();
    const [first] = servedCertificates(at.server);
    expect(await shownFingerprint()).to.equal(first?.fingerprint);
    expect(first?.keyArn).to.equal(sites().site('P-256').signer.keyArn);
    const next = await issue(40);
    const written = await swappedBy(() => {
      writeFileSync(at.file, next);
    });
    expect(await shownFingerprint())
      .to.equal(written.fingerprint)
      .and.not.to.equal(first?.fingerprint);
    const another = await issue(50);
    writeFileSync(join(at.folder, 'new.pem'), another);
    const renamed = await swappedBy(() => {
      renameSync(join(at.folder, 'new.pem'), at.file);
    });
    expect(await shownFingerprint()).to.equal(renamed.fingerprint);
    expect(servedCertificates(at.server)[0]).to.deep.include({ ...renamed, servername: undefined });
  });

  it('is followed through the links of a Kubernetes secret', async () => {
    const volume = join(at.folder, 'volume');
    const place = (version: string, cert: string): void => {
      mkdirSync(join(volume, version), { recursive: true });
      writeFileSync(join(volume, version, 'tls.crt'), cert);
      symlinkSync(version, join(volume, '..data.new'));
      renameSync(join(volume, '..data.new'), join(volume, '..data'));
    };
    place('..one', await issue(30));
    symlinkSync(join('..data', 'tls.crt'), join(volume, 'tls.crt'));
    at.file = join(volume, 'tls.crt');
    await watched();
    for (const [version, days] of [
      ['..two', 40],
      ['..three', 50],
    ] as const) {
      const cert = await issue(days);
      const swapped = await swappedBy(() => {
        place(version, cert);
      });
      expect(await shownFingerprint()).to.equal(swapped.fingerprint);
    }
  });

  it('is checked at intervals, if the file system reports no changes', async () => {
    await watched({ interval: 50, settle: 1_000_000_000 });
    const next = await issue(40);
    const swapped = await swappedBy(() => {
      writeFileSync(at.file, next);
    });
    expect(await shownFingerprint()).to.equal(swapped.fingerprint);
  });

  it('stays as it was when it is half written, another key’s, expired or gone; until it is whole', async () => {
    await watched();
    const before = await shownFingerprint();
    const next = await issue(40);
    const refusals = [
      next.slice(0, 200),
      `${next}${next.slice(0, 300)}`,
      '',
      sites().site('P-384').cert,
      await createSelfSignedCertificate({
        signer: sites().site('P-256').signer,
        subject: `CN=${siteName}`,
        notBefore: new Date(Date.now() - 2 * 86_400_000),
        notAfter: new Date(Date.now() - 86_400_000),
      }),
    ];
    for (const content of refusals) {
      const error = await refusedBy(() => {
        writeFileSync(at.file, content);
      });
      expect(error).to.be.instanceOf(S2nPkeyError).with.property('code', 'ERR_S2N_PKEY_CERTIFICATE_REFUSED');
      expect(await shownFingerprint()).to.equal(before);
    }
    const gone = await refusedBy(() => {
      unlinkSync(at.file);
    });
    expect(gone.message).to.contain(at.file);
    const swapped = await swappedBy(() => {
      writeFileSync(at.file, next);
    });
    expect(await shownFingerprint())
      .to.equal(swapped.fingerprint)
      .and.not.to.equal(before);
  });

  it('may be of another key each time, where a function finds the signer', async () => {
    const { signer, cert } = sites().site('P-384');
    const first = sites().site('P-256').signer;
    await watched({ signer: (pem: string) => Promise.resolve(pem === cert ? signer : first) });
    await swappedBy(() => {
      writeFileSync(at.file, cert);
    });
    expect(servedCertificates(at.server)[0]?.keyArn).to.equal(signer.keyArn);
    const socket = await client();
    expect(socket.getPeerCertificate().bits).to.equal(384);
    await ended(socket);
  });

  it('can be for one name, in addition to the server’s own certificate', async () => {
    const own = await shownFingerprint();
    await watched({ servername: 'named.example' });
    expect(servedCertificates(at.server).map(({ servername }) => servername)).to.deep.equal([
      undefined,
      'named.example',
    ]);
    expect(await shownFingerprint('other.example')).to.equal(own);
    expect(await shownFingerprint('named.example')).not.to.equal(own);
  });

  it('is swapped under traffic without a connection being dropped', async () => {
    await watched();
    const failures: unknown[] = [];
    at.server.on('tlsClientError', (error: unknown) => failures.push(error));
    const long = await Promise.all(Array.from({ length: 5 }, () => client()));
    const closed: TLSSocket[] = [];
    for (const socket of long) socket.on('close', () => closed.push(socket));
    let going = true;
    const fingerprints = new Set<string>();
    const traffic = Array.from({ length: 4 }, async () => {
      while (going) {
        const socket = await client();
        fingerprints.add(socket.getPeerCertificate().fingerprint256);
        socket.write('x');
        await once(socket, 'data');
        await ended(socket);
      }
    });
    for (let days = 40; days < 45; days++) {
      const next = await issue(days);
      const { fingerprint } = await swappedBy(() => {
        writeFileSync(at.file, next);
      });
      expect(await shownFingerprint()).to.equal(fingerprint);
      for (const socket of long) {
        socket.write(`after ${days}`);
        const [echo] = (await once(socket, 'data')) as [Buffer];
        expect(echo.toString()).to.equal(`after ${days}`);
      }
    }
    going = false;
    await Promise.all(traffic);
    const dropped = closed.length;
    await Promise.all(long.map(ended));
    expect(dropped).to.equal(0);
    expect(failures).to.deep.equal([]);
    expect(fingerprints.size).to.be.above(1);
  });

  it('works for an https server that was attached: kept connections go on', async () => {
    const { cert, signer } = sites().site('P-256');
    const https = attach(
      createHttpsServer((_request, response) => response.end('hello')),
      { cert, signer },
    );
    https.listen(0, '127.0.0.1');
    await once(https, 'listening');
    const { port } = https.address() as AddressInfo;
    const agent = new Agent({ keepAlive: true, maxSockets: 1, rejectUnauthorized: false });
    const fetch = async (): Promise<{ socket: unknown; status: number | undefined }> => {
      const request = get({ port, host: '127.0.0.1', agent });
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      response.resume();
      await once(response, 'end');
      return { socket: request.socket, status: response.statusCode };
    };
    at.watch = await watchCertificate(https, { cert: at.file, signer, settle: 20 });
    const before = await fetch();
    const next = await issue(60);
    await swappedBy(() => {
      writeFileSync(at.file, next);
    });
    const after = await fetch();
    expect(after).to.deep.include({ status: 200 });
    expect(after.socket).to.equal(before.socket);
    agent.destroy();
    await new Promise((resolve) => https.close(resolve));
  });

  it('is not read after close()', async () => {
    const { signer } = sites().site('P-256');
    const closing = await watchCertificate(at.server, { cert: at.file, signer, settle: 1, interval: 5 });
    const told: unknown[] = [];
    closing.on('swapped', (certificate) => told.push(certificate));
    closing.close();
    closing.close();
    const before = await shownFingerprint();
    writeFileSync(at.file, await issue(70));
    // Another watch of the same file sees the change: the closed one would have, too.
    await watched();
    const next = await issue(71);
    await swappedBy(() => {
      writeFileSync(at.file, next);
    });
    expect(told).to.deep.equal([]);
    expect(before).not.to.equal(await shownFingerprint());
  });

  it('is refused at once where nothing can be served from it, or an option is wrong', async () => {
    const { signer } = sites().site('P-256');
    const refusal = (options: object, of = at.server): Promise<unknown> =>
      watchCertificate(of, { cert: at.file, signer, ...options }).then(
        () => undefined,
        (error: unknown) => error,
      );
    expect(await refusal({ cert: join(at.folder, 'nowhere.pem') })).to.include({
      code: 'ERR_S2N_PKEY_CERTIFICATE_REFUSED',
    });
    expect(await refusal({ signer: sites().site('P-384').signer })).to.include({
      code: 'ERR_S2N_PKEY_CERTIFICATE_REFUSED',
    });
    for (const [option, value] of Object.entries({ settle: 0, interval: -1, cert: 5, signer: {} })) {
      expect(await refusal({ [option]: value }))
        .to.be.instanceOf(InvalidOptionError)
        .with.property('option', option);
    }
    expect(await refusal({ cert: await issue(5) })).to.have.property('option', 'cert');
    const plain = createHttpsServer();
    expect(await refusal({}, plain as unknown as TlsServer)).to.have.property('option', 'server');
  });
});
