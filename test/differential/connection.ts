/** One connection of a node:tls client to a server, as both ends see it. */
import { once } from 'node:events';
import { connect as connectTcp, type Server, type Socket } from 'node:net';
import { connect, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { close, listen } from '../fixtures/peers.ts';
import { EventLog, meaning } from './scenario.ts';
import type { CommonOptions, Implementation, SecureSocket } from './servers.ts';

const socketEvents = ['data', 'end', 'finish', 'close', 'error', 'timeout'];

export interface Connection {
  readonly server: Server;
  readonly socket: SecureSocket;
  readonly client: TLSSocket;
  /** The TCP connection under the client. */
  readonly tcp: Socket;
  /** Events of the server's socket. */
  readonly log: EventLog;
  /** What the errors of the server's socket mean. */
  readonly errors: readonly string[];
  /** Waits until the server's socket has closed, the client has all of it, and the server has no other, and closes it. */
  readonly over: () => Promise<void>;
}

function ended(client: TLSSocket): Promise<void> {
  return new Promise((resolve) => {
    for (const event of ['end', 'close']) client.once(event, () => resolve());
  });
}

/** Connects, and resolves once the handshake is done on both ends. */
export async function connection(
  implementation: Implementation,
  options: CommonOptions = {},
  clientOptions: ConnectionOptions & { allowHalfOpen?: boolean } = {},
): Promise<Connection> {
  const server = implementation.createServer(options, () => undefined);
  const secure = once(server, 'secureConnection') as Promise<[SecureSocket]>;
  const { allowHalfOpen = false } = clientOptions;
  const tcp = connectTcp({ port: await listen(server), host: '127.0.0.1', allowHalfOpen });
  const client = connect({ socket: tcp, rejectUnauthorized: false, ...clientOptions });
  client.on('error', () => undefined); // A scenario that cares listens itself.
  const [[socket]] = await Promise.all([secure, once(client, 'secureConnect')]);
  const log = new EventLog();
  log.watch(socket, 'socket', socketEvents);
  const errors: string[] = [];
  socket.on('error', (error) => errors.push(meaning(error)));
  const closed = new Promise<void>((resolve) => {
    socket.on('close', () => {
      resolve();
    });
  });
  const over = async (): Promise<void> => {
    client.resume();
    socket.resume(); // a socket that nobody reads does not end
    // The engine still delivers what the socket wrote when that has closed: the client is to have all of it.
    const done = client.readableEnded || client.destroyed || ended(client);
    await Promise.all([closed, close(server), done]);
    client.destroy();
  };
  return { server, socket, client, tcp, log, errors, over };
}
