import { Socket } from 'node:net';
import { takeHandle, unsentBytes } from '../node/node-internals.ts';

/** As much as Linux keeps of a TCP socket that was closed (`net.ipv4.tcp_wmem`), so what node:tls delivers of a write. */
const MOST_BYTES = 4 * 1024 * 1024;
const LONGEST_MILLISECONDS = 30_000;

/**
 * For a socket that is being destroyed while libuv has yet to write something of it. Node would close its handle and drop that;
 * with node:tls the kernel has it by then. The handle closes once all is taken instead, within the limits above.
 *
 * Call the result when the half-close that the socket has begun (`halfClosing`) is done. `lost` is called, now or later, when
 * something of the write is dropped.
 */
export function closeOnceTaken(
  socket: Socket,
  halfClosing: boolean,
  lost: () => void,
): (() => void) | undefined {
  const unsent = unsentBytes(socket);
  if (unsent === 0) return undefined;
  if (unsent > MOST_BYTES) {
    lost();
    return undefined;
  }
  let taken: (() => void) | undefined;
  takeHandle(socket, (close) => {
    const timer = setTimeout(() => {
      lost();
      close();
    }, LONGEST_MILLISECONDS).unref();
    taken = () => {
      clearTimeout(timer);
      close();
    };
    if (!halfClosing) Socket.prototype._final.call(socket, taken); // which libuv does once all is taken
  });
  return taken;
}
