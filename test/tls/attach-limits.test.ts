import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import {
  connect as connectHttp2,
  createSecureServer,
  type ClientHttp2Session,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import { connect as connectNet, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectTlsTo } from 'node:tls';
import { expect } from 'chai';
import { attach } from '../../lib/index.ts';
import { AsynchronousSigner } from '../fixtures/asynchronous-signer.ts';
import { identity } from '../fixtures/identity.ts';
import { keptServers } from '../fixtures/kept-servers.ts';
import { close, connectTls, listen, next, readAll } from '../fixtures/peers.ts';

const { key, cert } = identity('P-256');
const options = { cert, signer: new AsynchronousSigner(key) };
const get = 'GET / HTTP/1.1\r\nHost: localhost\r\n';

describe('attach leaves in force', () => {
  const sessions: ClientHttp2Session[] = [];
  afterEach(() => {
    for (const session of sessions.splice(0)) session.destroy();
  });
  const kept = keptServers(); // after the sessions: a server closes when they have

  /** What an https server answers to these bytes, until it closes. */
  async function answerTo(server: Server, bytes: string): Promise<string> {
    const client = await connectTls(await listen(kept(server)));
    client.write(bytes);
    return (await readAll(client)).toString();
  }

  it('keepAliveTimeout: an idle connection is closed', async () => {
    const server = attach(
      createHttpsServer({ keepAliveTimeout: 50 }, (_req, res) => res.end('x')),
      options,
    );
    expect(await answerTo(server, `${get}\r\n`)).to.match(/^HTTP\/1\.1 200 /);
  });

  it("server.timeout and its 'timeout' event", async () => {
    const server = attach(createHttpsServer(), options);
    server.setTimeout(50);
    expect(await answerTo(server, get)).to.equal('');
    const told = attach(createHttpsServer(), options);
    told.setTimeout(50, (socket) => socket.end('told'));
    expect(await answerTo(told, get)).to.equal('told');
  });

  it('maxRequestsPerSocket', async () => {
    const server = attach(
      createHttpsServer({ keepAliveTimeout: 1 }, (_req, res) => res.end('x')),
      options,
    );
    server.maxRequestsPerSocket = 1;
    expect(await answerTo(server, `${get}\r\n`)).to.match(/^HTTP\/1\.1 200 [^]*Connection: close/);
  });

  it('maxHeadersCount', async () => {
    const server = attach(
      createHttpsServer((req, res) => res.end(`counted ${Object.keys(req.headers).length}`)),
      options,
    );
    server.maxHeadersCount = 2;
    // Node 20 leaves the others out; later ones refuse the request.
    const many = `${get}Connection: close\r\nA: 1\r\nB: 2\r\n\r\n`;
    expect(await answerTo(server, many)).to.match(/counted 2$|^HTTP\/1\.1 431 /);
  });

  it("maxConnections and 'drop'", async () => {
    const server = kept(attach(createHttpsServer(), options));
    server.maxConnections = 1;
    const port = await listen(server);
    const first = await connectTls(port);
    const dropped = next<{ remotePort: number }>(server, 'drop');
    const second = connectNet(port, '127.0.0.1');
    second.on('error', () => undefined);
    await once(second, 'connect');
    const { localPort } = second;
    expect((await dropped).remotePort).to.equal(localPort);
    second.destroy();
    first.destroy();
  });

  it("'checkContinue', 'upgrade' and 'connect'", async () => {
    const checking = attach(createHttpsServer(), options);
    checking.on('checkContinue', (_req, res) => {
      res.writeContinue();
      res.end('checked');
    });
    const headers = 'Expect: 100-continue\r\nConnection: close\r\n\r\n';
    expect(await answerTo(checking, get + headers)).to.match(/^HTTP\/1\.1 100 Continue[^]*checked/);
    const upgrading = attach(createHttpsServer(), options);
    upgrading.on('upgrade', (_req, socket) => socket.end('upgraded'));
    const upgrade = 'Connection: Upgrade\r\nUpgrade: x\r\n\r\n';
    expect(await answerTo(upgrading, get + upgrade)).to.equal('upgraded');
    const tunnelling = attach(createHttpsServer(), options);
    tunnelling.on('connect', (_req, socket) => socket.end('tunnel'));
    expect(await answerTo(tunnelling, 'CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n')).to.equal('tunnel');
  });

  it('handshakeTimeout, given to the server', async () => {
    const server = kept(attach(createHttpsServer({ handshakeTimeout: 50 }), options));
    const port = await listen(server);
    const failed = next<Error & { code: string }>(server, 'tlsClientError');
    const silent = connectNet(port, '127.0.0.1');
    expect((await failed).code).to.equal('ERR_TLS_HANDSHAKE_TIMEOUT');
    silent.destroy();
  });

  it('closeAllConnections', async () => {
    const server = kept(attach(createHttpsServer(), options));
    const port = await listen(server);
    const accepted = once(server, 'secureConnection');
    const client = await connectTls(port);
    await accepted;
    server.closeAllConnections();
    await readAll(client);
  });

  it('a Unix socket', async () => {
    const folder = mkdtempSync(join(tmpdir(), 's2n-pkey-unix-'));
    const path = join(folder, 'site.sock');
    const server = kept(
      attach(
        createHttpsServer((req, res) => res.end(`from ${String(req.socket.remoteAddress)}`)),
        options,
      ),
    );
    server.listen(path);
    await once(server, 'listening');
    const client = connectTlsTo({ path, servername: 'localhost', ca: cert });
    client.end(`${get}Connection: close\r\n\r\n`);
    expect((await readAll(client)).toString()).to.match(/from undefined$/);
    await close(server);
    rmSync(folder, { recursive: true });
  });

  describe('with http2', () => {
    async function session(server: Server): Promise<ClientHttp2Session> {
      const port = await listen(kept(server));
      const made = connectHttp2(`https://localhost:${port}`, {
        ...{ ca: cert, family: 4, settings: { enablePush: false } },
      } as object);
      sessions.push(made);
      return made;
    }

    it("'session', 'stream' and 'timeout'", async () => {
      const server = attach(createSecureServer(), options);
      server.setTimeout(50);
      const events: string[] = [];
      server.on('session', (made: ServerHttp2Session) => {
        events.push(`session ${String(made.encrypted)} ${String(made.alpnProtocol)}`);
      });
      server.on('stream', (stream: ServerHttp2Stream) => {
        events.push('stream');
        stream.respond();
        stream.end('x');
      });
      // A session ends by its timeout where nobody listens; on a busy machine it may have one before its request.
      const timedOut = new Promise((resolve) => server.on('timeout', resolve));
      const client = await session(server);
      await readAll(client.request({ ':path': '/' }));
      await timedOut;
      expect(events).to.deep.equal(['session true h2', 'stream']);
    });

    it('a client that wants no push', async () => {
      const server = attach(createSecureServer(), options);
      server.on('stream', (stream: ServerHttp2Stream) => {
        stream.respond();
        stream.end(`push ${String(stream.pushAllowed)}`);
      });
      const client = await session(server);
      expect((await readAll(client.request({ ':path': '/' }))).toString()).to.equal('push false');
    });

    it('extended CONNECT', async () => {
      const server = attach(createSecureServer({ settings: { enableConnectProtocol: true } }), options);
      server.on('stream', (stream: ServerHttp2Stream, headers) => {
        stream.respond({ ':status': 200 });
        stream.write(`${String(headers[':method'])} ${String(headers[':protocol'])} `);
        stream.pipe(stream);
      });
      const client = await session(server);
      await once(client, 'remoteSettings');
      const stream = client.request({ ':method': 'CONNECT', ':protocol': 'websocket', ':path': '/chat' });
      stream.end('echoed');
      expect((await readAll(stream)).toString()).to.equal('CONNECT websocket echoed');
    });

    it("'unknownProtocol' for a client without ALPN", async () => {
      const server = kept(attach(createSecureServer(), options));
      server.on('unknownProtocol', (socket) => socket.end('unknown'));
      const client = await connectTls(await listen(server));
      expect((await readAll(client)).toString()).to.equal('unknown');
    });
  });
});
