/**
 * Takes the descriptors that a server accepts before Node creates sockets for them. Node still implements `listen`, cluster,
 * `maxConnections` and `close`.
 */
import { hasSubscribers } from 'node:diagnostics_channel';
import type { Server } from 'node:net';
import { S2nPkeyError } from '../../errors.ts';
import type { NativeDescriptorTally } from '../../native/binding.ts';
import type { AcceptGate } from './accept-gate.ts';
import { hasBlockList } from './block-list.ts';
import {
  addressesOf,
  connectionCount,
  countConnection,
  listeningHandle,
  type StreamHandle,
} from '../node/node-internals.ts';

/** Gets each descriptor, already counted as a connection of the server. It duplicates the descriptor; the caller closes it. */
export type OnDescriptor = (fd: number) => void;

/** When to let Node create a socket. `'never'`: such a socket would be served in plain text. */
export type WantsSockets = (() => boolean) | 'never';

/**
 * Calls `onDescriptor` for every connection `server` accepts from now on, by replacing the listening handle's `onconnection`.
 * If that is not possible on this Node, or `wantsSockets()` is true, Node creates a socket and emits `'connection'`.
 * If descriptors run out, accepting pauses (AcceptGate). `maxConnections` also limits the count of `tally`, because
 * descriptors may outlive their sockets. `checksBlockList`: the caller looks at the server's blockList itself.
 */
export function takeAcceptedDescriptors(
  server: Server,
  gate: AcceptGate,
  tally: NativeDescriptorTally,
  wantsSockets: WantsSockets,
  onDescriptor: OnDescriptor,
  checksBlockList = false,
): void {
  const never = wantsSockets === 'never';
  const leaveToNode = (): boolean =>
    !never && ((hasBlockList(server) && !checksBlockList) || wantsSockets() || isObserved());
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
        drop(server, client); // Node counts only sockets, so it would accept this one
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

/** Drops a connection as Node does when a server is full. */
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

/** On Node 20 a limit of 0 means no limit, and Node would create a socket. */
function isFull(server: Server, never: boolean, count: number): boolean {
  const limit: unknown = server.maxConnections;
  if (never && limit === 0) return false;
  return typeof limit === 'number' && count >= limit;
}

/** Whether a diagnostics channel needs every socket that a server accepts. */
function isObserved(): boolean {
  return hasSubscribers('net.server.socket');
}
