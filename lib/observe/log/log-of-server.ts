import type { Server } from 'node:net';
import { logTo, type Logger, type Logging } from './log.ts';

/** How many open servers have a logger, and its subscription. Servers that share a logger write each line once. */
const held = new WeakMap<Logger, { servers: number; readonly logging: Logging }>();

/**
 * Logs this thread's events to `logger` as `logTo` does, until the last of the servers that have it is closed.
 *
 * @param draining Settles at the end of the server's drain, which is after its `'close'`; undefined where it is not drained.
 */
export function logForServer(
  server: Server,
  logger: Logger | undefined,
  draining: () => Promise<unknown> | undefined,
): void {
  if (logger === undefined) return;
  let holds = false;
  const hold = (): void => {
    if (holds) return;
    holds = true;
    const now = held.get(logger);
    if (now) now.servers++;
    else held.set(logger, { servers: 1, logging: logTo(logger) });
  };
  const release = (): void => {
    const now = held.get(logger);
    if (!holds || !now || server.listening) return;
    holds = false;
    if (--now.servers > 0) return;
    held.delete(logger);
    now.logging.close();
  };
  hold();
  server.on('listening', hold); // again, after it was closed
  server.on('close', () => {
    const ended = draining();
    if (ended) ended.then(release, release);
    else release();
  });
}
