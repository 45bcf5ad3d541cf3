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
 * Calls back after the event loop has read what is ready: in the check phase after its next poll phase. Then an `'end'` that was
 * ready before the socket ended comes before `'finish'`, as in node:tls, and one that answers this end comes after it.
 */
export function afterNextRead(callback: () => void): void {
  // In the poll phase, the next check phase comes before the next poll phase, so one check phase is not enough.
  setImmediate(() => setImmediate(callback));
}
