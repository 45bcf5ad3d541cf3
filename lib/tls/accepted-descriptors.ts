/**
 * Takes the descriptors that a server accepts before Node makes sockets of them. `listen`, cluster, `maxConnections` and
 * `close` stay Node's own.
 */
import type { Server, Socket } from 'node:net';
import {
  connectionCount,
  countConnection,
  descriptorOf,
  listeningHandle,
  type StreamHandle,
} from './node-internals.ts';

/** Told of each descriptor, already counted as a connection of the server. It takes a duplicate; the caller closes its own. */
export type OnDescriptor = (fd: number) => void;

/**
 * Calls `onDescriptor` for every connection `server` accepts from now on. The listening handle's `onconnection` is replaced;
 * where that cannot be (another Node, a user's own `'connection'` listener that wants to see the socket), descriptors are
 * taken from the sockets of the `'connection'` event, which also serves `server.emit('connection', socket)`.
 */
export function takeAcceptedDescriptors(server: Server, onDescriptor: OnDescriptor): void {
  const onConnection = (socket: Socket): void => {
    const fd = descriptorOf(socket);
    if (fd === undefined) {
      socket.destroy(new Error('s2n-pkey: a stream without a file descriptor cannot be taken over yet'));
      return;
    }
    socket.pause();
    countConnection(server); // the socket's own count ends with it
    onDescriptor(fd);
    socket.destroy();
  };
  server.on('connection', onConnection);

  const intercept = (): void => {
    const handle = listeningHandle(server);
    const accept = handle?.onconnection;
    if (!handle || typeof accept !== 'function') return;
    handle.onconnection = function (this: StreamHandle, status, client) {
      const fd = client?.fd;
      const mine = status === 0 && client !== undefined && typeof fd === 'number' && fd >= 0;
      if (!mine || isFull(server) || server.listenerCount('connection') > 1) {
        accept.call(this, status, client); // errors, the 'drop' event, and the slower way
        return;
      }
      countConnection(server);
      onDescriptor(fd);
      client.close();
    };
  };
  server.on('listening', intercept);
  if (server.listening) intercept();
}

function isFull(server: Server): boolean {
  const limit: unknown = server.maxConnections;
  return typeof limit === 'number' && connectionCount(server) >= limit;
}
