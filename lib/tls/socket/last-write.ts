import { Socket } from 'node:net';
import { takeHandle, unsentBytes } from '../node/node-internals.ts';

/** What Linux keeps of a closed TCP socket at most (`net.ipv4.tcp_wmem`), so what node:tls can deliver of a write. */
const MOST_BYTES = 4 * 1024 * 1024;
const LONGEST_MILLISECONDS = 30_000;

/**
 * Delivers the last write of a socket that is destroyed while libuv still has bytes to write. Node would close the handle and
 * drop them, whereas with node:tls the kernel already has them. Here the handle closes once all bytes are taken, within the
 * limits above.
 *
 * Call the returned function when the half-close that the socket has started (`halfClosing`) is done. `lost` is called, now or
 * later, if bytes of the write are dropped.
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
    if (!halfClosing) Socket.prototype._final.call(socket, taken); // libuv half-closes once all bytes are taken
  });
  return taken;
}
