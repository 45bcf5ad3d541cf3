import type { WriteCallback } from './unsent-writes.ts';

/**
 * The callback of a write, called in the loop's next check phase, as node:tls does, where no record is written at once. The
 * plaintext's socketpair often takes all of it at once: `write()` would not return false where it does in node:tls, and
 * `'finish'` would come before an `'end'` that is there to be read.
 */
export function afterwards(callback: WriteCallback): WriteCallback {
  return (error) => {
    if (error) callback(error);
    else setImmediate(callback);
  };
}

/**
 * Once the loop has looked for what there is to read: in the check phase after its next poll phase. An `'end'` that is there
 * before a socket ends comes before `'finish'`, as in node:tls, and one that answers this end comes after it.
 */
export function afterNextRead(callback: () => void): void {
  // A check phase may come before the next poll phase: in the phase that reads, it is next.
  setImmediate(() => setImmediate(callback));
}
