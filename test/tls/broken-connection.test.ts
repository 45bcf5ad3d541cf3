import { once } from 'node:events';
import { expect } from 'chai';
import {
  createServer,
  diagnostics,
  LocalKeySigner,
  type TlsServer,
  type TlsServerOptions,
  type TlsSocket,
} from '../../lib/index.ts';
import { identity } from '../fixtures/identity.ts';
import { close, listen, next } from '../fixtures/peers.ts';
import { Wire } from '../fixtures/wire.ts';
import { whenBlocked } from '../fixtures/when.ts';

const { key, cert } = identity('P-256');
const signer = new LocalKeySigner({ key });

describe('TlsSocket, when a connection breaks', () => {
  let server: TlsServer;
  let wire: Wire;
  let socket: TlsSocket;

  afterEach(async () => {
    wire.close();
    await close(server);
  });

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    describe(`over ${version}`, () => {
      async function begin(options: Partial<TlsServerOptions> = {}): Promise<void> {
        server = createServer({ cert, signer, ...options });
        const secure = next<TlsSocket>(server, 'secureConnection');
        wire = await Wire.to(await listen(server), version);
        socket = await secure;
      }

      it('has endedWithoutCloseNotify false after an orderly end', async () => {
        await begin();
        socket.resume();
        expect(socket.endedWithoutCloseNotify).to.equal(false);
        wire.client.end('all of it');
        await once(socket, 'end');
        expect(socket.endedWithoutCloseNotify).to.equal(false);
      });

      it("has endedWithoutCloseNotify true from 'end' on after a bare FIN", async () => {
        await begin();
        wire.client.write('some of');
        await next<Buffer>(socket, 'data');
        wire.fin();
        await once(socket, 'end');
        expect(socket.endedWithoutCloseNotify).to.equal(true);
      });

      // node:tls loses what it had not read yet, and ends as if all had come.
      it('gives a late reader the data from before a reset, and then the error', async () => {
        // Less than Node's own since 22, with which the socket holds all of it: nothing would be left to read late.
        await begin({ pauseOnConnect: true, highWaterMark: 16_384 });
        const sent = Buffer.alloc(60_000, 'unread '); // the first window of a TCP connection holds it
        wire.client.write(sent);
        await wire.passed(sent.length);
        await wire.reset();
        const received: Buffer[] = [];
        socket.on('data', (chunk: Buffer) => received.push(chunk));
        socket.resume();
        const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
        expect(error).to.include({ code: 'ECONNRESET', syscall: 'read', errno: -104 });
        expect(socket.errored).to.equal(error);
        expect(Buffer.concat(received).equals(sent)).to.equal(true);
      });

      it('names a broken connection by its own error, not by that of the plaintext', async () => {
        await begin();
        wire.takeNothing();
        socket.resume();
        socket.write(Buffer.alloc(20_000_000));
        const failed = once(socket, 'error') as Promise<[NodeJS.ErrnoException]>;
        await wire.reset();
        const [error] = await failed;
        expect(error.code).to.equal('ECONNRESET');
        expect(error.message).to.match(/reset by the peer/);
      });

      it('names it so where a write is the first to find it broken, and keeps that as what ended the socket', async () => {
        await begin();
        const { open } = diagnostics();
        const reset = wire.reset();
        whenBlocked('the engine to see the reset', diagnostics, (now) => now.open < open);
        socket.write('nobody there');
        const [error] = (await once(socket, 'error')) as [NodeJS.ErrnoException];
        expect(error.code).to.equal('ECONNRESET');
        expect(socket.errored).to.equal(error);
        await reset;
      });
    });
  }
});
