import type { Socket } from 'node:net';
import { addon } from '../../native/addon.ts';
import { descriptorOf, unsentBytes } from '../node/node-internals.ts';
import type { WriteCallback } from './unsent-writes.ts';

/**
 * Defers the callback of a write to the next check phase of the event loop, when node:tls would call it. The socketpair often
 * takes a whole write at once. Without the delay, `write()` would return true where node:tls returns false, and `'finish'` would
 * come before an `'end'` that is ready to be read.
 */
export function afterwards(callback: WriteCallback): WriteCallback {
  return (error) => {
    if (error) callback(error);
    else setImmediate(callback);
  };
}

/**
 * Has the engine read the end of the socket's own data, and calls back to tell Node. The end leaves at once, together with the
 * last data: libuv would wait for the next turn of the event loop, and a peer could answer the data in between. If there is
 * something to read, all of this happens after the next poll phase, so that an `'end'` that is ready now comes before
 * `'finish'`, as in node:tls.
 */
export function endWriting(socket: Socket, callback: () => void): void {
  const fd = socket.connecting ? undefined : descriptorOf(socket);
  if (fd !== undefined && addon().isReadable(fd)) {
    // In the poll phase, the next check phase comes before the next poll phase, so one check phase is not enough.
    setImmediate(() => setImmediate(callback));
    return;
  }
  // What Node still has to write comes before the end: then libuv ends it.
  if (fd !== undefined && unsentBytes(socket) === 0) addon().endWriting(fd);
  callback();
}
