import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { connect } from 'node:tls';
import { expect } from 'chai';
import {
  createServer,
  LocalKeySigner,
  type TlsServer,
  type TlsServerOptions,
  type TlsSocket,
} from '../../lib/index.ts';
import { identity } from '../fixtures/identity.ts';
import { close, connectTls, listen, next, readAll } from '../fixtures/peers.ts';

const { key, cert } = identity('P-256');
const signer = new LocalKeySigner({ key });

describe('TlsSocket, when a connection ends', () => {
  let server: TlsServer;
  let port: number;

  async function serve(
    onSecure: (socket: TlsSocket) => void,
    options: Partial<TlsServerOptions> = {},
  ): Promise<void> {
    server = createServer({ cert, signer, ...options }, onSecure);
    port = await listen(server);
  }

  afterEach(async () => {
    await close(server);
  });

  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    describe(`over ${maxVersion}`, () => {
      it('delivers everything written before end(), then close_notify', async () => {
        const body = Buffer.alloc(3_000_000, 'pattern ');
        await serve((socket) => socket.end(body));
        const client = await connectTls(port, { maxVersion });
        expect((await readAll(client)).equals(body)).to.equal(true);
      });

      it('delivers what was written before destroy()', async () => {
        const body = Buffer.alloc(100_000, 'x');
        await serve((socket) => {
          socket.write(body, () => socket.destroy());
        });
        const client = await connectTls(port, { maxVersion });
        expect((await readAll(client)).equals(body)).to.equal(true);
      });

      it("emits 'end' once and 'close' once when the peer ends, and its own end reaches the peer", async () => {
        const events: string[] = [];
        await serve((socket) => {
          socket.resume();
          for (const event of ['end', 'close', 'error']) socket.on(event, () => events.push(event));
        });
        const secure = next<TlsSocket>(server, 'secureConnection');
        const client = await connectTls(port, { maxVersion });
        const closed = once(await secure, 'close');
        client.end('bye');
        await readAll(client);
        await closed;
        await close(server);
        expect(events).to.deep.equal(['end', 'close']);
        port = await listen(server);
      });

      it('stays half-open with allowHalfOpen', async () => {
        await serve(
          (socket) => {
            void readAll(socket).then((question) => socket.end(`answer to ${question.toString()}`));
          },
          { allowHalfOpen: true },
        );
        const client = await connectTls(port, { maxVersion, allowHalfOpen: true } as object);
        client.end('question');
        expect((await readAll(client)).toString()).to.equal('answer to question');
      });

      it('fails with ECONNRESET when the peer resets, once, after what arrived before', async () => {
        await serve(() => undefined);
        const secure = next<TlsSocket>(server, 'secureConnection');
        const tcp = connectTcp(port, '127.0.0.1');
        const client = connect({ socket: tcp, rejectUnauthorized: false, maxVersion });
        client.on('error', () => undefined);
        const socket = await secure;
        const events: (string | undefined)[] = [];
        socket.on('end', () => events.push('end'));
        socket.on('error', (error: NodeJS.ErrnoException) => events.push(error.code));
        const closed = new Promise((resolve) => socket.on('close', resolve));
        client.write('last words');
        expect((await next<Buffer>(socket, 'data')).toString()).to.equal('last words');
        tcp.resetAndDestroy();
        await closed;
        expect(events).to.deep.equal(['ECONNRESET']);
      });

      it('sends RST on resetAndDestroy()', async () => {
        await serve((socket) => {
          socket.once('data', () => socket.resetAndDestroy());
        });
        const client = await connectTls(port, { maxVersion });
        const failed = next<NodeJS.ErrnoException>(client, 'error');
        client.write('x');
        expect((await failed).code).to.equal('ECONNRESET');
      });

      it('carries data in both directions at once, whatever the sizes of writes', async () => {
        await serve((socket) => socket.pipe(socket));
        const client = await connectTls(port, { maxVersion });
        const sizes = [0, 1, 5, 16_383, 16_384, 16_385, 65_535, 65_536, 65_537, 1_000_003, 3];
        const chunks = sizes.map((size, at) => Buffer.alloc(size, String.fromCharCode(97 + at)));
        for (const chunk of chunks) client.write(chunk);
        client.end();
        expect((await readAll(client)).equals(Buffer.concat(chunks))).to.equal(true);
      });
    });
  }

  it('stops reading from a peer while JavaScript does not read, and resumes when it does', async () => {
    await serve(() => undefined, { pauseOnConnect: true });
    const secure = next<TlsSocket>(server, 'secureConnection');
    const client = await connectTls(port);
    const socket = await secure;
    const total = 32 * 1024 * 1024;
    client.end(Buffer.alloc(total, 'z'));
    let received = 0;
    socket.on('data', (chunk: Buffer) => (received += chunk.length));
    socket.resume();
    await once(socket, 'end');
    expect(received).to.equal(total);
  });

  it('times out as a net.Socket does', async () => {
    await serve((socket) => {
      socket.setTimeout(50, () => socket.end('too slow'));
    });
    const client = await connectTls(port);
    expect((await readAll(client)).toString()).to.equal('too slow');
  });
});
