import { once } from 'node:events';
import { connect as connectTcp } from 'node:net';
import { createServer } from 'node:tls';
import { identity } from '../fixtures/identity.ts';
import { close, listen } from '../fixtures/peers.ts';
import { clientScenario, type ClientSocket } from './client-implementations.ts';

const own = identity('P-256');

/** When the signal is aborted. */
const moments: Record<string, (socket: ClientSocket, abort: () => void) => void> = {
  'while the connection is being made': (_socket, abort) => abort(),
  'in the handshake': (socket, abort) => socket.once('connect', abort),
  'when the connection is secure': (socket, abort) => socket.once('secureConnect', abort),
  'long after that': (socket, abort) => socket.once('data', abort),
  'when the socket has ended': (socket, abort) => {
    socket.once('data', () => socket.end());
    socket.once('end', abort);
  },
};

describe('The `signal` of connect destroys the socket', () => {
  for (const given of [false, true]) {
    for (const [moment, at] of Object.entries(moments)) {
      clientScenario(`${moment}${given ? ', over a socket that was given' : ''}`, async ({ connect }) => {
        const server = createServer(own, (peer) => {
          peer.on('error', () => undefined).on('end', () => peer.end());
          peer.resume().write('hello');
        });
        server.on('tlsClientError', () => undefined);
        const port = await listen(server);
        const controller = new AbortController();
        const carrier = given ? connectTcp(port, '127.0.0.1') : undefined;
        if (carrier) await once(carrier, 'connect');
        const socket = connect({
          ...(carrier ? { socket: carrier } : { port, host: '127.0.0.1' }),
          servername: 'localhost',
          ca: own.cert,
          signal: controller.signal,
        });
        const events: string[] = [];
        for (const event of ['secureConnect', 'data', 'end', 'close']) {
          socket.on(event, () => events.push(event));
        }
        const errors: unknown[] = [];
        socket.on('error', (error: NodeJS.ErrnoException) => {
          errors.push([error.name, error.code, error.cause === controller.signal.reason]);
        });
        const closed = new Promise((resolve) => socket.once('close', resolve));
        // A given socket that is connected tells no 'connect'.
        if (carrier && moment === 'in the handshake') process.nextTick(() => controller.abort());
        at(socket, () => controller.abort(new Error('enough')));
        await closed;
        carrier?.destroy();
        await close(server);
        return { events, errors, destroyed: socket.destroyed };
      });
    }
  }

  clientScenario('and connects to nobody where it was aborted before', async ({ connect }) => {
    let connections = 0;
    const server = createServer(own).on('connection', () => connections++);
    const port = await listen(server);
    const socket = connect({ port, host: '127.0.0.1', signal: AbortSignal.abort() });
    const [error] = (await once(socket, 'error')) as [Error];
    socket.destroy();
    await close(server);
    return { name: error.name };
  });
});
