import { once } from 'node:events';
import { execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectNode, createServer as createNodeServer, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { connect, createServer, LocalKeySigner, watchCertificate, type TlsSocket } from '../../lib/index.ts';
import { Authority } from '../fixtures/authority.ts';
import { identity, type Identity } from '../fixtures/identity.ts';
import { keptServers } from '../fixtures/kept-servers.ts';
import { listen, next, readAll } from '../fixtures/peers.ts';
import { certificateForms, pemForms } from '../fixtures/pem-forms.ts';
import { runProgram } from '../fixtures/program.ts';

/** What a peer saw of a connection: true when it trusted, else the error's code. */
async function trusts(socket: TlsSocket | TLSSocket): Promise<true | string> {
  const outcome = await once(socket, 'secureConnect').then(
    () => true as const,
    (error: unknown) => String((error as NodeJS.ErrnoException).code),
  );
  socket.destroy();
  return outcome;
}

describe('PEM in every form that people have', () => {
  const kept = keptServers();
  let folder: string;
  let roots: readonly Authority[];
  let intermediate: Authority;
  let sites: readonly Identity[];
  let site: Identity;
  let ports: readonly number[];
  const servers: Server[] = [];

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 's2n-pkey-'));
    roots = await Promise.all(['Root one', 'Root two', 'Root three'].map((name) => Authority.create(name)));
    const dns = ['localhost'];
    sites = await Promise.all(roots.map((root) => root.issue({ name: 'site', dns })));
    for (const { key, cert } of sites) {
      servers.push(createNodeServer({ key, cert }, (socket) => socket.on('error', () => undefined).resume()));
    }
    ports = await Promise.all(servers.map(listen));
    const [root] = roots;
    if (!root) throw new Error('no root');
    intermediate = await (await root.intermediate('Upper')).intermediate('Lower');
    site = await intermediate.issue({ name: 'site', dns });
  });

  after(() => {
    for (const server of servers) server.close();
    rmSync(folder, { recursive: true });
  });

  const certificates = (): string[] => roots.map(({ certificate }) => `${certificate}\n`);
  const blocksOf = (pem: string): string[] =>
    pem.match(/-----BEGIN[^]*?-----END .*-----/g)?.map((b) => `${b}\n`) ?? [];
  const outcomes = (options: object): Promise<(true | string)[]> =>
    Promise.all(
      ports.map((port) => trusts(connect({ port, host: '127.0.0.1', servername: 'localhost', ...options }))),
    );

  for (const { name, write } of [...pemForms, ...certificateForms]) {
    it(`\`ca\` ${name}: each of its authorities is trusted`, async () => {
      expect(await outcomes({ ca: write(certificates()) })).to.deep.equal([true, true, true]);
    });

    it(`\`cert\` ${name}: clients are sent the whole chain`, async () => {
      const cert = write(blocksOf(site.cert));
      const port = await listen(kept(createServer({ cert, signer: new LocalKeySigner({ key: site.key }) })));
      const ca = roots[0]?.certificate;
      expect(await trusts(connectNode({ port, host: '127.0.0.1', servername: 'localhost', ca }))).to.equal(
        true,
      );
    });
  }

  for (const { name, write } of pemForms) {
    it(`\`crl\` ${name}: each of its lists is in force`, async () => {
      const serials = sites.map((each) => (each as { serialNumber?: string }).serialNumber ?? '');
      const lists = await Promise.all(
        roots.map((root, index) => root.revocationList(index === 1 ? 'ff' : (serials[index] ?? ''))),
      );
      expect(await outcomes({ ca: certificates(), crl: write(lists) })).to.deep.equal([
        'CERT_REVOKED',
        true,
        'CERT_REVOKED',
      ]);
    });

    it(`\`key\` ${name}: LocalKeySigner signs with it`, async () => {
      const { key, cert } = identity('P-256');
      const signer = new LocalKeySigner({ key: write([key]) });
      const port = await listen(kept(createServer({ cert, signer })));
      expect(
        await trusts(connectNode({ port, host: '127.0.0.1', servername: 'localhost', ca: cert })),
      ).to.equal(true);
    });
  }

  it('NODE_EXTRA_CA_CERTS with byte-order marks, text and one authority that cannot be read: the others are trusted, it is named', async () => {
    const file = join(folder, 'extra.pem');
    const broken = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
    writeFileSync(file, `${broken}# --\n${certificates().join('')}`);
    // Node itself reads this file only up to what it cannot read: it is read here as where Node cannot tell.
    for (const [index, port] of ports.entries()) {
      const client = new URL('../fixtures/trusting-client.ts', import.meta.url);
      const program = runProgram(client, [String(port)], {
        NODE_OPTIONS: '--use-openssl-ca',
        SSL_CERT_FILE: file,
        NODE_EXTRA_CA_CERTS: '',
      });
      expect(await program.nextLine(), `authority ${index}`).to.equal(true);
      const { lastWords } = await program.ended;
      expect(lastWords).to.match(/S2N_PKEY_CA_SKIPPED/);
      expect(lastWords).to.contain(file);
    }
  });

  it('SSL_CERT_DIR counts with --use-openssl-ca, and only with it', async () => {
    const hash = execFileSync('openssl', ['x509', '-hash', '-noout'], {
      input: roots[1]?.certificate ?? '',
      encoding: 'utf8',
    }).trim();
    const directory = mkdtempSync(join(folder, 'certs-'));
    writeFileSync(join(directory, `${hash}.0`), roots[1]?.certificate ?? '');
    const client = new URL('../fixtures/trusting-client.ts', import.meta.url);
    for (const [flag, answer] of [
      ['--use-openssl-ca', true],
      ['--use_openssl_ca', true],
      ['--use-bundled-ca', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
    ] as const) {
      const environment = { NODE_OPTIONS: flag, SSL_CERT_FILE: '', SSL_CERT_DIR: directory };
      const program = runProgram(client, [String(ports[1])], environment);
      expect(await program.nextLine(), flag).to.equal(answer);
      await program.ended;
    }
  });

  it('a leaf alone is served with its issuers from `ca`, the root included, as with node:tls', async () => {
    const [leaf = ''] = blocksOf(site.cert);
    const ca = [...certificates(), ...blocksOf(intermediate.intermediates).reverse()];
    const shown: unknown[] = [];
    for (const server of [
      createNodeServer({ cert: leaf, key: site.key, ca }),
      createServer({ cert: leaf, signer: new LocalKeySigner({ key: site.key }), ca }),
    ]) {
      const port = await listen(kept(server));
      const options = { port, host: '127.0.0.1', servername: 'localhost', ca: roots[0]?.certificate };
      expect(await trusts(connectNode(options))).to.equal(true);
      const openssl = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, '-showcerts']);
      openssl.stdin.end();
      shown.push(String(await readAll(openssl.stdout)).match(/ s:.*/g));
    }
    expect(shown[0]).to.have.lengthOf(4);
    expect(shown[1]).to.deep.equal(shown[0]);
  }).timeout(20_000);

  it('a client that shows a leaf alone sends its intermediates from `ca`, too', async () => {
    const [root] = roots;
    const client = await intermediate.issue({ name: 'client', usage: 'client' });
    const [leaf = ''] = blocksOf(client.cert);
    const [served] = sites;
    const server = kept(
      createNodeServer({ ...served, requestCert: true, ca: root?.certificate ?? '' }, (socket) =>
        socket.on('error', () => undefined).end(String(socket.authorized)),
      ),
    );
    const port = await listen(server);
    const socket = connect({
      port,
      host: '127.0.0.1',
      servername: 'localhost',
      cert: leaf,
      signer: new LocalKeySigner({ key: client.key }),
      ca: [...certificates(), ...blocksOf(intermediate.intermediates)],
    });
    expect(String(await next<Buffer>(socket, 'data'))).to.equal('true');
    socket.destroy();
  });

  it('a watched file with a byte-order mark is served, and one that is cut off is refused', async () => {
    const file = join(folder, 'watched.pem');
    const signer = new LocalKeySigner({ key: site.key });
    const server = kept(createServer({ cert: site.cert, signer }));
    const port = await listen(server);
    writeFileSync(file, `\u{feff}${site.cert}`, 'utf16le');
    const watch = await watchCertificate(server, { cert: file, signer });
    watch.close();
    const ca = roots[0]?.certificate;
    expect(await trusts(connectNode({ port, host: '127.0.0.1', servername: 'localhost', ca }))).to.equal(
      true,
    );
    writeFileSync(file, site.cert.slice(0, -200));
    let refused: unknown;
    await watchCertificate(server, { cert: file, signer }).catch((error: unknown) => (refused = error));
    expect(refused).to.have.property('code', 'ERR_S2N_PKEY_CERTIFICATE_REFUSED');
    expect(refused).to.have.property('message').that.contains('has no line "-----END CERTIFICATE-----"');
  });

  it('`ca` and `crl` name the text and the block that cannot be read', () => {
    const [one = ''] = certificates();
    const attempt = (options: object) => () =>
      createServer({
        cert: site.cert,
        signer: new LocalKeySigner({ key: site.key }),
        requestCert: true,
        ...options,
      });
    expect(attempt({ ca: [one, `\n\n${one.slice(0, 300)}`] }))
      .to.throw('ca[1]: expected')
      .with.property('message')
      .that.contains('block 1 (CERTIFICATE, line 3) has no line');
    expect(attempt({ ca: [one, `${one}\n${one.replace('MII', 'XXX')}`] }))
      .to.throw('certificate 2')
      .with.property('code', 'ERR_S2N_PKEY_CA_INVALID');
    expect(attempt({ crl: one }))
      .to.throw('given PEM with only CERTIFICATE')
      .with.property('code', 'ERR_S2N_PKEY_CRL_INVALID');
  });
});
