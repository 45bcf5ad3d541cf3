/**
 * Takes the descriptors that a server accepts before Node makes sockets of them. `listen`, cluster, `maxConnections` and
 * `close` stay Node's own.
 */
import { hasSubscribers } from 'node:diagnostics_channel';
import type { Server } from 'node:net';
import type { AcceptGate } from './accept-gate.ts';
import {
  addressesOf,
  connectionCount,
  countConnection,
  listeningHandle,
  type StreamHandle,
} from './node-internals.ts';

/** Told of each descriptor, already counted as a connection of the server. It takes a duplicate; the caller closes its own. */
export type OnDescriptor = (fd: number) => void;

/**
 * Calls `onDescriptor` for every connection `server` accepts from now on, by replacing the listening handle's `onconnection`.
 * Where that cannot be (another Node), and while `wantsSockets()`, Node makes a socket and emits `'connection'` as ever.
 * Where descriptors run out, accepting pauses: see AcceptGate.
 */
export function takeAcceptedDescriptors(
  server: Server,
  gate: AcceptGate,
  wantsSockets: () => boolean,
  onDescriptor: OnDescriptor,
): void {
  const intercept = (): void => {
    const handle = listeningHandle(server);
    const accept = handle?.onconnection;
    if (!handle || typeof accept !== 'function') return;
    handle.onconnection = function (this: StreamHandle, status, client) {
      const fd = client?.fd;
      const mine = status === 0 && client !== undefined && typeof fd === 'number' && fd >= 0;
      if (!mine || isFull(server) || hasBlockList(server) || wantsSockets() || isObserved()) {
        accept.call(this, status, client); // errors, the 'drop' event, and the slower way
        return;
      }
      if (!gate.admits(fd)) {
        const addresses = addressesOf(client);
        client.close();
        server.emit('drop', addresses);
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

/** Node's own check of addresses (`net.createServer({ blockList })`, from Node 22.13 on) comes with the socket. */
function hasBlockList(server: Server): boolean {
  return (server as { blockList?: unknown }).blockList !== undefined;
}

/** Somebody wants to see every socket that a server accepts. */
function isObserved(): boolean {
  return hasSubscribers('net.server.socket');
}
