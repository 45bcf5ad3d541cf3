/** `maxConnections` where connections outlive their sockets, in the engine. */
import { once } from 'node:events';
import { connect as connectTcp, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { createServer, diagnostics, type TlsServer, type TlsSocket } from '../../lib/index.ts';
import { AsynchronousSigner } from '../fixtures/asynchronous-signer.ts';
import { identity } from '../fixtures/identity.ts';
import { close, listen, next } from '../fixtures/peers.ts';
import { when } from '../fixtures/when.ts';

const { key, cert } = identity('P-256');

async function countOf(server: TlsServer): Promise<number> {
  return new Promise((resolve, reject) => {
    server.getConnections((error, count) => {
      if (error) reject(error);
      else resolve(count);
    });
  });
}

async function closeOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', () => {
      resolve();
    });
  });
}

describe('maxConnections counts a connection until its descriptor is closed', () => {
  let server: TlsServer;
  let port: number;
  const peers: Socket[] = [];
  beforeEach(async () => {
    server = createServer({ cert, signer: new AsynchronousSigner(key) });
    server.maxConnections = 1;
    server.on('secureConnection', (socket: TlsSocket) => socket.on('error', () => undefined));
    port = await listen(server);
  });
  afterEach(async () => {
    for (const peer of peers.splice(0)) peer.destroy();
    await close(server);
  });

  function kept<S extends Socket>(peer: S): S {
    peers.push(peer);
    return peer.on('error', () => undefined);
  }

  /** A client's connection over a descriptor that the test has, and the server's socket. */
  async function open(): Promise<{ tcp: Socket; client: TLSSocket; socket: TlsSocket }> {
    const secure = next<TlsSocket>(server, 'secureConnection');
    const tcp = kept(connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true }));
    const client = connect({ socket: tcp, rejectUnauthorized: false }).on('error', () => undefined);
    return { tcp, client, socket: await secure };
  }

  async function isServed(): Promise<boolean> {
    const client = kept(connect({ port, host: '127.0.0.1', rejectUnauthorized: false }));
    return new Promise((resolve) => {
      client.once('secureConnect', () => {
        resolve(true);
      });
      client.once('close', () => {
        resolve(false);
      });
    });
  }

  /** The next client is turned away though there is no socket any more, and one after the descriptor was closed is served. */
  async function isFullUntilClosed(state: 'silent' | 'lingering', release: () => void): Promise<void> {
    await when(`a ${state} connection`, diagnostics, (now) => now[state] >= 1);
    expect(await countOf(server), 'as Node counts').to.equal(0);
    const dropped = next<{ remotePort: number }>(server, 'drop');
    const refused = kept(connectTcp(port, '127.0.0.1'));
    await once(refused, 'connect');
    const { localPort } = refused;
    expect((await dropped).remotePort).to.equal(localPort);
    release();
    await when('a client that is served', isServed, (served) => served);
  }

  it('one that is silent after a record that failed', async () => {
    const { tcp, socket } = await open();
    const closed = closeOf(socket);
    tcp.write(Buffer.concat([Buffer.from([23, 3, 3, 0, 64]), Buffer.alloc(64, 'x')]));
    await closed;
    await isFullUntilClosed('silent', () => tcp.resetAndDestroy());
  });

  it('one that lingers: its peer sends no FIN after the end', async () => {
    const { tcp, client, socket } = await open();
    const closed = closeOf(socket);
    client.pause();
    socket.destroy();
    await closed;
    await isFullUntilClosed('lingering', () => tcp.resetAndDestroy());
  });

  it('one that was seen as a socket before TLS', async () => {
    server.on('connection', () => undefined);
    const { tcp, socket } = await open();
    const closed = closeOf(socket);
    tcp.write(Buffer.concat([Buffer.from([23, 3, 3, 0, 64]), Buffer.alloc(64, 'x')]));
    await closed;
    await isFullUntilClosed('silent', () => tcp.resetAndDestroy());
  });
});
