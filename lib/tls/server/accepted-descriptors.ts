/**
 * Takes the descriptors that a server accepts before Node makes sockets of them. `listen`, cluster, `maxConnections` and
 * `close` stay Node's own.
 */
import { hasSubscribers } from 'node:diagnostics_channel';
import type { Server } from 'node:net';
import { S2nPkeyError } from '../../errors.ts';
import type { NativeDescriptorTally } from '../../native/binding.ts';
import type { AcceptGate } from './accept-gate.ts';
import {
  addressesOf,
  connectionCount,
  countConnection,
  listeningHandle,
  type StreamHandle,
} from '../node/node-internals.ts';

/** Told of each descriptor, already counted as a connection of the server. It takes a duplicate; the caller closes its own. */
export type OnDescriptor = (fd: number) => void;

/** When Node shall make a socket, as ever. `'never'`: that socket would be served in plain text. */
export type WantsSockets = (() => boolean) | 'never';

/**
 * Calls `onDescriptor` for every connection `server` accepts from now on, by replacing the listening handle's `onconnection`.
 * Where that cannot be (another Node), and while `wantsSockets()`, Node makes a socket and emits `'connection'` as ever.
 * Where descriptors run out, accepting pauses: see AcceptGate. `maxConnections` limits what `tally` counts, too: descriptors
 * that outlive their sockets.
 */
export function takeAcceptedDescriptors(
  server: Server,
  gate: AcceptGate,
  tally: NativeDescriptorTally,
  wantsSockets: WantsSockets,
  onDescriptor: OnDescriptor,
): void {
  const never = wantsSockets === 'never';
  const leaveToNode = (): boolean => !never && (hasBlockList(server) || wantsSockets() || isObserved());
  const intercept = (): void => {
    const handle = listeningHandle(server);
    const accept = handle?.onconnection;
    if (!handle || typeof accept !== 'function') {
      if (never) stopListening(server);
      return;
    }
    handle.onconnection = function (this: StreamHandle, status, client) {
      if (status !== 0 || client === undefined || isFull(server, never, connectionCount(server))) {
        accept.call(this, status, client); // errors, and the 'drop' event
        return;
      }
      if (isFull(server, never, tally.count())) {
        drop(server, client); // Node, which counts sockets, would take it
        return;
      }
      if (leaveToNode()) {
        accept.call(this, status, client);
        return;
      }
      const { fd } = client;
      if (typeof fd !== 'number' || fd < 0) {
        if (never) client.close();
        else accept.call(this, status, client);
        return;
      }
      if (!gate.admits(fd)) {
        drop(server, client);
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

/** As Node does where a server is full. */
function drop(server: Server, client: StreamHandle): void {
  const addresses = addressesOf(client);
  client.close();
  server.emit('drop', addresses);
}

function stopListening(server: Server): void {
  server.close();
  server.emit(
    'error',
    new S2nPkeyError(
      'ERR_S2N_PKEY_ATTACH',
      `Node ${process.version} does not let accepted descriptors be taken: the server would speak plain text, so it does not listen`,
    ),
  );
}

/** A limit of 0 is none on Node 20, and Node would make a socket there. */
function isFull(server: Server, never: boolean, count: number): boolean {
  const limit: unknown = server.maxConnections;
  if (never && limit === 0) return false;
  return typeof limit === 'number' && count >= limit;
}

/** Node's own check of addresses (`net.createServer({ blockList })`, from Node 22.13 on) comes with the socket. */
function hasBlockList(server: Server): boolean {
  return (server as { blockList?: unknown }).blockList !== undefined;
}

/** Somebody wants to see every socket that a server accepts. */
function isObserved(): boolean {
  return hasSubscribers('net.server.socket');
}
