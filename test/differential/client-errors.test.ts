import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect as connectTcp, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { close, listen } from '../fixtures/peers.ts';
import {
  clientScenario,
  type ClientImplementation,
  type CommonConnectOptions,
} from './client-implementations.ts';
import type { Observation } from './scenario.ts';

/** What the socket tells, in order, and what its error has. */
async function failure(
  { connect }: ClientImplementation,
  options: CommonConnectOptions,
): Promise<Observation> {
  const socket = connect({ rejectUnauthorized: false, ...options });
  const events: string[] = [];
  for (const event of ['connect', 'secureConnect', 'end', 'error', 'close']) {
    socket.on(event, () => events.push(event));
  }
  const failed = once(socket, 'error') as Promise<[NodeJS.ErrnoException]>;
  const closed = once(socket, 'close').catch(() => once(socket, 'close'));
  const [error] = await failed;
  await closed;
  const { message, code, errno, syscall } = error;
  const { host, port, path, localAddress } = error as CommonConnectOptions;
  const { address } = error as { address?: string };
  const where = { host, port, path, localAddress, address };
  return { events, code, errno, syscall, where, ...(code === 'ECONNRESET' && !errno ? { message } : {}) };
}

/** Does something to each connection when the client's hello has come. */
function onHello(act: (socket: Socket) => void): Server {
  return createTcpServer((socket) => {
    socket.on('error', () => undefined).once('data', () => act(socket));
    socket.resume();
  });
}

describe('A client whose handshake fails reports the same errors as tls.connect', () => {
  const ends: Record<string, (socket: Socket) => void> = {
    'ends the connection': (socket) => socket.end(),
    'ends the connection in the midst of a record': (socket) =>
      socket.end(Buffer.from([22, 3, 3, 0, 100, 2])),
    'resets the connection': (socket) => socket.resetAndDestroy(),
  };
  for (const [what, act] of Object.entries(ends)) {
    clientScenario(`where the server ${what}`, async (implementation) => {
      const server = onHello(act);
      const port = await listen(server);
      const seen = await failure(implementation, { port, host: '127.0.0.1', localAddress: '127.0.0.1' });
      await close(server);
      const { where, ...rest } = seen;
      const known = where as CommonConnectOptions;
      return { ...rest, where: { ...known, port: known.port === port ? 'its port' : known.port } };
    });
  }

  clientScenario('where the server ends the connection over a Unix socket', async (implementation) => {
    const folder = mkdtempSync(join(tmpdir(), 's2n-pkey-'));
    const path = join(folder, 'socket');
    const server = onHello((socket) => socket.end());
    server.listen(path);
    await once(server, 'listening');
    const { where, ...rest } = await failure(implementation, { path });
    await close(server);
    rmSync(folder, { recursive: true });
    const known = where as CommonConnectOptions;
    return { ...rest, where: { ...known, path: known.path === path ? 'its path' : known.path } };
  });

  clientScenario(
    'where the server ends the connection over a socket that was given',
    async (implementation) => {
      const server = onHello((socket) => socket.end());
      const socket = connectTcp(await listen(server), '127.0.0.1');
      const seen = await failure(implementation, { socket, host: 'localhost', port: 1 });
      await close(server);
      return seen;
    },
  );

  clientScenario('where nobody listens', async (implementation) => {
    const server = createTcpServer();
    const port = await listen(server);
    await close(server);
    const { where, ...rest } = await failure(implementation, { port, host: '127.0.0.1' });
    const known = where as CommonConnectOptions;
    return { ...rest, where: { ...known, port: known.port === port ? 'its port' : known.port } };
  });
});
