import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { createServer, LocalKeySigner, type TlsServer, type TlsSocket } from '../../lib/index.ts';
import { freePort } from '../fixtures/free-port.ts';
import { identity } from '../fixtures/identity.ts';
import { keptServers } from '../fixtures/kept-servers.ts';
import { needs } from '../fixtures/needs.ts';
import { connectTls, listen, next } from '../fixtures/peers.ts';
import { when } from '../fixtures/when.ts';
import { pageText } from '../docs/page-tables.ts';

const { key, cert } = identity('P-256');

describe('a real haproxy in front of a server with proxyProtocol', () => {
  needs('haproxy');
  let folder: string;
  const running: ChildProcess[] = [];
  const clients: TLSSocket[] = [];
  before(() => (folder = mkdtempSync(join(tmpdir(), 's2n-pkey-haproxy-'))));
  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    for (const child of running.splice(0)) {
      child.kill('SIGKILL');
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
  });
  after(() => rmSync(folder, { recursive: true }));
  const kept = keptServers();

  function server(): TlsServer {
    return kept(
      createServer({
        ...{ cert, signer: new LocalKeySigner({ key }), ALPNProtocols: ['h2', 'http/1.1'] },
        proxyProtocol: { from: ['127.0.0.1'] },
      }),
    );
  }

  /** Starts it in front of a port; resolves to its own port, once it listens. */
  async function haproxy(target: number, options: string): Promise<number> {
    const port = await freePort();
    const settings = [
      'defaults',
      '  mode tcp',
      '  timeout connect 20s',
      '  timeout client 20s',
      '  timeout server 20s',
      'listen balanced',
      `  bind 127.0.0.1:${port}`,
      '  unique-id-format %ci:%cp',
      `  server one 127.0.0.1:${target} ${options}`,
      '',
    ];
    await start(port, settings.join('\n'));
    return port;
  }

  /** Starts it with these settings; resolves once it listens at the port. */
  async function start(port: number, settings: string): Promise<void> {
    const file = join(folder, `${port}.cfg`);
    writeFileSync(file, settings);
    const child = spawn('haproxy', ['-f', file, '-db'], { stdio: ['ignore', 'ignore', 'pipe'] });
    running.push(child);
    let errors = '';
    child.stderr.on('data', (part: Buffer) => (errors += part.toString()));
    // Without a connection, which haproxy would pass on.
    const entry = new RegExp(`:${port.toString(16).toUpperCase().padStart(4, '0')} 00000000:0000 0A `);
    const look = (): string =>
      entry.test(readFileSync('/proc/net/tcp', 'latin1')) ? 'listens' : `${child.exitCode}: ${errors}`;
    await when('haproxy to listen', look, (seen) => seen === 'listens');
  }

  for (const [version, options] of [
    [1, 'send-proxy'],
    [2, 'send-proxy-v2'],
  ] as const) {
    it(`passes on the addresses of its client by version ${version}`, async () => {
      const behind = server();
      const port = await haproxy(await listen(behind), options);
      const secure = next<TlsSocket>(behind, 'secureConnection');
      const client = await connectTls(port, { localAddress: '127.0.0.3' } as object);
      clients.push(client);
      const socket = await secure;
      expect(socket).to.include({ remoteAddress: '127.0.0.3', remotePort: client.localPort });
      expect(socket).to.include({ localAddress: '127.0.0.1', localPort: port });
      expect(socket.proxyProtocol).to.include({ version, command: 'PROXY', protocol: 'TCP4' });
      expect(socket.proxyProtocol?.balancer?.address).to.equal('127.0.0.1');
      const answer = next<Buffer>(client, 'data');
      socket.write('through');
      expect((await answer).toString()).to.equal('through');
    });
  }

  it('works with the settings of docs/load-balancer.md, whose checks are no errors', async () => {
    const [, settings = ''] = /^```haproxy\n([^]*?)^```/m.exec(pageText('load-balancer.md')) ?? [];
    const behind = server();
    const errors: unknown[] = [];
    behind.on('tlsClientError', (error: Error) => errors.push(error));
    const [target, port] = [await listen(behind), await freePort()];
    const secure = next<TlsSocket>(behind, 'secureConnection');
    // Of the page, only the ports are others.
    expect(settings).to.include(' bind :443\n').and.include(' 127.0.0.1:8443 ');
    await start(port, settings.replace(':443\n', `:${port}\n`).replace(':8443 ', `:${target} `));
    const client = await connectTls(port, { localAddress: '127.0.0.3' } as object);
    clients.push(client);
    expect(await secure).to.include({ remoteAddress: '127.0.0.3', remotePort: client.localPort });
    expect(errors).to.deep.equal([]);
  });

  it('adds a unique id and the facts of TLS', async () => {
    const behind = server();
    const options = 'send-proxy-v2 proxy-v2-options ssl,unique-id,crc32c';
    const port = await haproxy(await listen(behind), options);
    const secure = next<TlsSocket>(behind, 'secureConnection');
    const client = await connectTls(port);
    clients.push(client);
    const { proxyProtocol } = await secure;
    expect(proxyProtocol?.uniqueId?.toString()).to.equal(`127.0.0.1:${client.localPort}`);
    expect(proxyProtocol?.tls).to.include({ encrypted: false, hasCertificate: false, verified: false });
    expect(proxyProtocol?.tlvs.map(({ type }) => type)).to.have.members([0x03, 0x05, 0x20]);
  });

  for (const options of [
    'send-proxy-v2 check inter 50ms',
    'send-proxy check check-send-proxy inter 50ms',
    'send-proxy-v2 check check-send-proxy inter 50ms',
  ]) {
    it(`checks the server with \`${options}\`, which is no error`, async () => {
      const behind = server();
      const failures: unknown[] = [];
      let connections = 0;
      behind.on('tlsClientError', (error) => failures.push(error));
      behind.on('connection', () => connections++);
      const port = await haproxy(await listen(behind), options);
      await when(
        'checks',
        () => connections,
        (count) => count >= 3,
      );
      const secure = next<TlsSocket>(behind, 'secureConnection');
      clients.push(await connectTls(port));
      expect((await secure).remoteAddress).to.equal('127.0.0.1');
      expect(failures).to.deep.equal([]);
    });
  }

  it('fails by one code where its option is forgotten', async () => {
    const behind = server();
    const port = await haproxy(await listen(behind), '');
    const failed = next<Error>(behind, 'tlsClientError');
    const refused = connectTls(port).catch((error: unknown) => (error as NodeJS.ErrnoException).code);
    expect(await failed).to.include({
      ...{ code: 'ERR_S2N_PKEY_PROXY_PROTOCOL', reason: 'PROXY_PROTOCOL_MISSING' },
    });
    expect(await refused).to.equal('ECONNRESET');
  });
});
