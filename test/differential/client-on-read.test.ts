import { once } from 'node:events';
import { createServer, type TLSSocket } from 'node:tls';
import { identity } from '../fixtures/identity.ts';
import { close, listen } from '../fixtures/peers.ts';
import { clientScenario } from './client-implementations.ts';

const own = identity('P-256');
const text = 'hello, '.repeat(3000);

describe('The `onread` of connect', () => {
  const kinds: Record<string, () => Uint8Array | (() => Uint8Array)> = {
    'one buffer': () => Buffer.alloc(1000),
    'a function that makes buffers': () => () => Buffer.alloc(500),
  };
  for (const [kind, make] of Object.entries(kinds)) {
    clientScenario(`takes what comes, with ${kind}, in place of 'data'`, async ({ connect }) => {
      const server = createServer(own, (peer) => peer.on('error', () => undefined).end(text));
      const port = await listen(server);
      const buffer = make();
      const receivers = new Set<unknown>();
      let received = '';
      const events: string[] = [];
      const socket = connect({
        port,
        host: '127.0.0.1',
        servername: 'localhost',
        ca: own.cert,
        onread: {
          buffer,
          callback(this: unknown, length: number, filled: Uint8Array): boolean {
            receivers.add(this);
            if (events.at(-1) !== 'read') events.push('read');
            received += Buffer.from(filled.subarray(0, length)).toString();
            return true;
          },
        },
      });
      for (const event of ['secureConnect', 'data', 'end', 'close']) {
        socket.on(event, () => events.push(event));
      }
      await once(socket, 'close');
      await close(server);
      const { bytesRead } = socket;
      return { events, whole: received === text, bytesRead, by: [...receivers].map((it) => it === socket) };
    });
  }

  clientScenario('pauses reading where it returns false, until resume()', async ({ connect }) => {
    let peer: TLSSocket | undefined;
    const server = createServer(own, (socket) => {
      peer = socket.on('error', () => undefined);
      socket.write('first');
    });
    const port = await listen(server);
    const reads: string[] = [];
    const read = new Promise<void>((resolve) => {
      const socket = connect({
        port,
        host: '127.0.0.1',
        servername: 'localhost',
        ca: own.cert,
        onread: {
          buffer: Buffer.alloc(100),
          callback(length: number, filled: Uint8Array): boolean {
            reads.push(Buffer.from(filled.subarray(0, length)).toString());
            if (reads.length > 1) {
              socket.destroy();
              resolve();
              return false;
            }
            // Nothing is read while the next text is on its way, and is there for certain once its answer is.
            peer?.write('second', () => {
              reads.push('sent');
              socket.resume();
            });
            return false;
          },
        },
      });
    });
    await read;
    await close(server);
    return { reads };
  });

  clientScenario('is ignored with a given socket', async ({ connect }) => {
    const { connect: connectTcp } = await import('node:net');
    const server = createServer(own, (peer) => peer.on('error', () => undefined).end('text'));
    const tcp = connectTcp(await listen(server), '127.0.0.1');
    await once(tcp, 'connect');
    let reads = 0;
    const onread = { buffer: Buffer.alloc(10), callback: () => reads++ };
    const socket = connect({ socket: tcp, servername: 'localhost', ca: own.cert, onread } as never);
    const [data] = (await once(socket, 'data')) as [Buffer];
    socket.destroy();
    await close(server);
    return { data: data.toString(), reads };
  });
});
