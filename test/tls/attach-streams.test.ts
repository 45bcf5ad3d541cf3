import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpServer, request as httpRequest, type IncomingMessage } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { connect as connectNet, createServer as createNetServer, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectTlsOver, createServer as createTlsServer, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { attach, diagnostics, type TlsSocket } from '../../lib/index.ts';
import { AsynchronousSigner } from '../fixtures/asynchronous-signer.ts';
import { memoryConnection } from '../../lib/doctor/memory-connection.ts';
import { identity } from '../fixtures/identity.ts';
import { keptServers } from '../fixtures/kept-servers.ts';
import { close, connectTls, listen, next, readAll } from '../fixtures/peers.ts';
import { when } from '../fixtures/when.ts';

const { key, cert } = identity('P-256');
const options = { cert, signer: new AsynchronousSigner(key) };

/** A TLS client over a stream. */
async function secure(stream: Duplex): Promise<TLSSocket> {
  const client = connectTlsOver({ socket: stream, servername: 'localhost', ca: cert });
  await once(client, 'secureConnect');
  return client;
}

describe('attach, for streams that the server did not accept itself', () => {
  const kept = keptServers();
  const echo = (): Server =>
    attach(
      createTlsServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)),
      options,
    );

  describe('a socket accepted elsewhere', () => {
    it('is served by the server it is given to, with its addresses', async () => {
      const server = echo();
      const front = kept(createNetServer((socket) => server.emit('connection', socket)));
      const port = await listen(front);
      const accepted = next<TlsSocket>(server, 'secureConnection');
      const client = await connectTls(port);
      const socket = await accepted;
      expect(socket.remotePort).to.equal(client.localPort);
      expect(socket.localPort).to.equal(port);
      client.end('hello');
      expect((await readAll(client)).toString()).to.equal('hello');
    });

    it('may have been read from: what was put back comes first', async () => {
      const server = echo();
      const front = kept(
        createNetServer((socket) => {
          socket.once('data', (first) => {
            socket.pause();
            socket.unshift(first);
            server.emit('connection', socket);
          });
        }),
      );
      const port = await listen(front);
      const accepted = next<TlsSocket>(server, 'secureConnection');
      const client = await connectTls(port);
      expect((await accepted).remotePort).to.equal(client.localPort);
      const body = randomBytes(1_000_000);
      client.end(body);
      expect((await readAll(client)).equals(body)).to.equal(true);
    });

    it('counts with the server that accepted it, until its connection ends', async () => {
      const server = echo();
      const front = kept(createNetServer((socket) => server.emit('connection', socket)));
      const client = await connectTls(await listen(front));
      const count = (of: Server): Promise<number> =>
        new Promise((resolve) => of.getConnections((_error, n) => resolve(n)));
      expect([await count(front), await count(server)]).to.deep.equal([1, 0]);
      client.end();
      await close(front);
      expect(await count(front)).to.equal(0);
    });

    it('ends its connection when it is destroyed, during the handshake and afterwards', async () => {
      const server = echo();
      const raw: Socket[] = [];
      const front = kept(
        createNetServer((socket) => {
          raw.push(socket);
          server.emit('connection', socket);
        }),
      );
      const port = await listen(front);
      const failed = once(server, 'tlsClientError');
      const silent = connectNet(port, '127.0.0.1');
      await once(front, 'connection');
      raw[0]?.destroy();
      const [error] = (await failed) as [Error & { code: string }];
      expect(error.code).to.equal('ECONNRESET');
      silent.destroy();

      const accepted = next<TlsSocket>(server, 'secureConnection');
      const client = await connectTls(port);
      const socket = await accepted;
      raw[1]?.destroy();
      await Promise.all([once(socket, 'close'), readAll(client)]);
    });

    it('is left alone if it is destroyed already', () => {
      const server = echo();
      const [socket] = memoryConnection();
      socket.destroy();
      server.emit('connection', socket);
      expect(diagnostics().handshaking).to.equal(0);
    });
  });

  it("shows each accepted socket to a 'connection' listener of the user's, who may refuse it", async () => {
    const server = kept(
      attach(
        createHttpsServer((_req, res) => res.end()),
        options,
      ),
    );
    let refusing = true;
    let shown: Socket | undefined;
    server.on('connection', (socket: Socket) => {
      shown = socket;
      if (refusing) socket.destroy();
    });
    server.on('secureConnection', () => expect(refusing).to.equal(false));
    const port = await listen(server);
    const refused = connectNet(port, '127.0.0.1');
    await readAll(refused); // an alert, at most
    expect(shown?.destroyed).to.equal(true);
    refusing = false;
    const client = await connectTls(port);
    expect(shown?.remotePort).to.equal(client.localPort);
    expect(shown?.destroyed, 'open as long as the connection').to.equal(false);
    client.end('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
    expect((await readAll(client)).toString()).to.match(/^HTTP\/1\.1 200 /);
    if (shown && !shown.closed) await once(shown, 'close');
  });

  it('serves through a CONNECT tunnel that it answers itself', async () => {
    const server = echo();
    const proxy = kept(createHttpServer());
    proxy.on('connect', (_req: IncomingMessage, socket: Socket, head: Buffer) => {
      socket.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      if (head.length > 0) socket.unshift(head);
      server.emit('connection', socket);
    });
    const outgoing = httpRequest({
      port: await listen(proxy),
      method: 'CONNECT',
      path: 'localhost:443',
    });
    outgoing.end();
    const [response, tunnel] = (await once(outgoing, 'connect')) as [IncomingMessage, Socket];
    expect(response.statusCode).to.equal(200);
    const client = await secure(tunnel);
    client.end('through');
    expect((await readAll(client)).toString()).to.equal('through');
  });

  it('serves TLS inside TLS, whoever made the outer one', async () => {
    for (const outer of [attach(createTlsServer(), options), createTlsServer({ key, cert })]) {
      const server = echo();
      outer.on('secureConnection', (socket) => server.emit('connection', socket));
      const accepted = next<TlsSocket>(server, 'secureConnection');
      const tunnel = await connectTls(await listen(kept(outer)));
      const client = await secure(tunnel);
      expect((await accepted).remotePort).to.equal(tunnel.localPort);
      client.end('inside');
      expect((await readAll(client)).toString()).to.equal('inside');
      tunnel.destroy();
    }
  });

  describe('a Duplex without a descriptor', () => {
    it('is served, and carries much in both directions', async () => {
      const server = echo();
      const [near, far] = memoryConnection();
      server.emit('connection', near);
      const client = await secure(far);
      const body = randomBytes(5_000_000);
      client.end(body);
      expect((await readAll(client)).equals(body)).to.equal(true);
    });

    it('serves https requests', async () => {
      const server = attach(
        createHttpsServer((req, res) => res.end(`${req.method ?? ''} ${String(req.socket.remoteAddress)}`)),
        options,
      );
      const [near, far] = memoryConnection();
      server.emit('connection', Object.assign(near, { remoteAddress: '192.0.2.7', remotePort: 1 }));
      const client = await secure(far);
      client.end('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
      expect((await readAll(client)).toString()).to.contain('GET 192.0.2.7');
    });

    it('is not read from while the server does not read', async () => {
      const server = attach(
        createTlsServer({ pauseOnConnect: true }, () => undefined),
        options,
      );
      const [near, far] = memoryConnection();
      const accepted = next<TlsSocket>(server, 'secureConnection');
      server.emit('connection', near);
      const client = await secure(far);
      const socket = await accepted;
      let written = 0;
      // Until nothing moves any more, however often event loop and engine have had their turn: all buffers are full then.
      for (let turns = 0; turns < 200 && written < 8_000_000; turns++) {
        if (!client.writableNeedDrain) {
          client.write(randomBytes(65_536));
          written += 65_536;
          turns = 0;
        }
        diagnostics();
        await new Promise((resolve) => setImmediate(resolve));
      }
      expect(written).to.be.lessThan(4_000_000);
      let received = 0;
      socket.on('data', (part: Buffer) => (received += part.length));
      client.end();
      await once(socket.resume(), 'end');
      expect(received).to.equal(written);
      socket.end();
      await readAll(client);
    });

    it('is ended and destroyed with the connection, and takes the connection with it when it breaks', async () => {
      const server = attach(
        createTlsServer((socket) => socket.end('bye')),
        options,
      );
      const [near, far] = memoryConnection();
      server.emit('connection', near);
      const client = await secure(far);
      expect((await readAll(client)).toString()).to.equal('bye');
      client.end();
      if (!near.closed) await once(near, 'close');

      const idle = attach(createTlsServer(), options);
      const [broken, peer] = memoryConnection();
      const accepted = next<TlsSocket>(idle, 'secureConnection');
      idle.emit('connection', broken);
      const other = await secure(peer);
      other.on('error', () => undefined);
      const socket = await accepted;
      broken.destroy(new Error('on purpose'));
      const [error] = (await once(socket, 'error')) as [Error];
      expect(error.message).to.equal('on purpose');
      other.destroy();
    });

    it('that breaks during the handshake is a tlsClientError', async () => {
      const server = echo();
      const [near] = memoryConnection();
      const failed = once(server, 'tlsClientError');
      server.emit('connection', near);
      near.destroy(new Error('on purpose'));
      const [error] = (await failed) as [Error];
      expect(error.message).to.equal('on purpose');
    });
  });

  it('leaves nothing behind in the engine', async () => {
    // Connections that are silent after a failure, of tests before this one too, hold a descriptor for s2n's 10 to 30 s.
    await when(
      'the engine to let go of everything',
      diagnostics,
      ({ open, lingering, descriptors, silent }) => open === 0 && lingering === 0 && descriptors === silent,
    );
  });
});
