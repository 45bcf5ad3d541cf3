import { once } from 'node:events';
import { connect as connectHttp2, createSecureServer, type ServerHttp2Stream } from 'node:http2';
import { createServer as createPipeServer, connect as connectPipe, Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { mock } from 'node:test';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { attach, createServer, LocalKeySigner, type TlsSocket } from '../../lib/index.ts';
import { unsentBytes } from '../../lib/tls/node/node-internals.ts';
import { closeOnceTaken } from '../../lib/tls/socket/last-write.ts';
import { identity } from '../fixtures/identity.ts';
import { close, listen } from '../fixtures/peers.ts';

const { key, cert } = identity('P-256');
const signer = new LocalKeySigner({ key });
const megabyte = Buffer.alloc(1024 * 1024, 'pattern ');

/** Has a server do something with a connection, and returns both ends. */
async function connection(
  options: object,
  act: (socket: TlsSocket) => void,
  { allowHalfOpen = false } = {},
): Promise<{ client: TLSSocket; socket: TlsSocket; end: () => Promise<unknown> }> {
  const server = createServer({ cert, signer, ...options }, act);
  const secure = once(server, 'secureConnection') as Promise<[TlsSocket]>;
  const settings = {
    port: await listen(server),
    host: '127.0.0.1',
    rejectUnauthorized: false,
    allowHalfOpen,
  };
  const client = connectTls(settings);
  client.on('error', () => undefined);
  const [socket] = await secure;
  return { client, socket, end: () => close(server) };
}

async function lengthOf(stream: Socket): Promise<number> {
  let length = 0;
  stream.on('data', (chunk: Buffer) => (length += chunk.length));
  await new Promise((resolve) => stream.on('close', resolve));
  return length;
}

/**
 * The error that a peer sees of a connection that was reset. libuv reads RST that comes right after data as the end of the
 * data (`uv__stream_io`, on POLLHUP after a partial read): then the peer's next write fails.
 */
function resetOf(client: TLSSocket): Promise<NodeJS.ErrnoException> {
  return new Promise((resolve) => {
    client.on('error', resolve);
    client.on('end', () =>
      client.write('still there?', (error) => (error ? resolve(error) : client.destroy())),
    );
  });
}

describe('What was written in the turn of destroy()', () => {
  it('is delivered though a socketpair does not hold it, and the socket closes at once', async () => {
    const events: string[] = [];
    let closed: Promise<unknown> | undefined;
    const { client, socket, end } = await connection({}, (it) => {
      for (const event of ['finish', 'end', 'error', 'close']) it.on(event, () => events.push(event));
      closed = once(it, 'close');
      it.write(megabyte, (error) =>
        events.push(`write ${(error as NodeJS.ErrnoException | null)?.code ?? 'done'}`),
      );
      it.destroy();
    });
    // The client reads nothing yet.
    await closed;
    expect(events).to.deep.equal(['close']);
    expect(socket.bytesWritten).to.equal(megabyte.length);
    expect(await lengthOf(client)).to.equal(megabyte.length);
    await end();
  });

  it('is delivered to a peer that reads only once it has sent everything', async () => {
    const { client, end } = await connection({}, (it) => {
      it.write(megabyte);
      it.destroy();
    });
    await new Promise((resolve) => client.write(Buffer.alloc(8 * megabyte.length), resolve));
    expect(await lengthOf(client)).to.equal(megabyte.length);
    await end();
  });

  it('is delivered where http2 wrote it, with end() and destroy() in one turn', async () => {
    const window = { initialWindowSize: 2 * megabyte.length };
    const server = attach(createSecureServer({ settings: window }), { cert, signer });
    const sockets: Socket[] = [];
    server.on('secureConnection', (it: Socket) => sockets.push(it));
    server.on('session', (session) => session.on('error', () => undefined));
    const ended: object[] = [];
    server.on('stream', (stream: ServerHttp2Stream) => {
      stream.on('error', () => undefined).respond();
      stream.write(megabyte, () => undefined);
      setImmediate(() => {
        for (const socket of sockets) {
          ended.push({ unsent: unsentBytes(socket) > 0 });
          socket.end();
          socket.destroy();
        }
      });
    });
    const port = await listen(server);
    const tls = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false, ALPNProtocols: ['h2'] });
    await once(tls, 'secureConnect');
    const session = connectHttp2('https://localhost', { settings: window, createConnection: () => tls });
    session.on('error', () => undefined);
    await once(session, 'remoteSettings');
    session.setLocalWindowSize(2 * megabyte.length);
    const request = session.request();
    let length = 0;
    request.on('error', () => undefined).on('data', (chunk: Buffer) => (length += chunk.length));
    await new Promise((resolve) => request.once('close', resolve));
    expect(ended).to.deep.equal([{ unsent: true }]);
    expect(length).to.equal(megabyte.length);
    await close(server);
  });

  it('is dropped by resetAndDestroy()', async () => {
    const { client, end } = await connection(
      {},
      (it) => {
        it.write(megabyte);
        it.resetAndDestroy();
      },
      { allowHalfOpen: true },
    );
    const reset = resetOf(client);
    expect(await lengthOf(client)).to.be.lessThan(megabyte.length);
    expect((await reset).code).to.be.oneOf(['ECONNRESET', 'EPIPE']);
    await end();
  });
});

describe('The handle of a destroyed socket whose write is not done', () => {
  afterEach(() => {
    mock.timers.reset();
  });

  /** A socket that has written so much to a peer that does not read. */
  async function stuck(
    bytes: number,
  ): Promise<{ socket: Socket; peer: Socket; end: () => Promise<unknown> }> {
    const server = createPipeServer({ pauseOnConnect: true });
    server.listen(join(tmpdir(), `s2n-pkey-last-write-${process.pid}`));
    await once(server, 'listening');
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const socket = connectPipe(server.address() as string);
    const [[peer]] = await Promise.all([accepted, once(socket, 'connect')]);
    socket.write(Buffer.alloc(bytes));
    return { socket, peer, end: () => close(server) };
  }

  function destroy(socket: Socket): { lost: number } {
    const told = { lost: 0 };
    socket._destroy = (error, callback) => {
      closeOnceTaken(socket, false, () => told.lost++);
      Socket.prototype._destroy.call(socket, error, callback);
    };
    socket.destroy();
    return told;
  }

  it('closes once all is taken', async () => {
    const { socket, peer, end } = await stuck(megabyte.length);
    const told = destroy(socket);
    await once(socket, 'close');
    expect(await lengthOf(peer.resume())).to.equal(megabyte.length);
    expect(told.lost).to.equal(0);
    await end();
  });

  it('closes after 30 seconds if the peer does not take it', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    const { socket, peer, end } = await stuck(megabyte.length);
    const told = destroy(socket);
    await once(socket, 'close');
    mock.timers.tick(29_999);
    expect(told.lost).to.equal(0);
    mock.timers.tick(1);
    expect(told.lost).to.equal(1);
    expect(await lengthOf(peer.resume())).to.be.lessThan(megabyte.length);
    await end();
  });

  it('closes at once where more than 4 MiB are left', async () => {
    const { socket, peer, end } = await stuck(5 * megabyte.length);
    expect(destroy(socket).lost).to.equal(1);
    expect(await lengthOf(peer.resume())).to.be.lessThan(megabyte.length);
    await end();
  });
});
