import { S2nPkeyError } from '../../errors.ts';

export interface Chunk {
  chunk: unknown;
  encoding: BufferEncoding;
}

export type WriteCallback = (error?: Error | null) => void;

/**
 * What a client writes before its handshake is done. The bytes wait in the socketpair, from where the engine sends them as soon
 * as it may. The write counts as done only then, so that a write whose bytes were never sent fails.
 */
export class UnsentWrites {
  #held: { callback: WriteCallback; error: Error | undefined } | undefined;
  #over = false;
  #reason: Error | undefined;

  /**
   * The callback for the write to the pair, in place of the stream's own. A stream has one write under way at a time. A pair that
   * breaks only says that the handshake failed: the engine says why.
   */
  hold(callback: WriteCallback): WriteCallback {
    return (error) => {
      if (this.#over) callback(error ?? this.#reason);
      else this.#held = { callback, error: error ?? undefined };
    };
  }

  /** The handshake is done. */
  send(): void {
    this.#settle(undefined);
  }

  /** The socket was destroyed before the handshake was done, with `reason` where there is one. */
  fail(reason: Error | null): void {
    this.#settle(reason ?? closedBefore());
  }

  #settle(reason: Error | undefined): void {
    if (this.#over) return;
    this.#over = true;
    this.#reason = reason;
    const held = this.#held;
    this.#held = undefined;
    if (held) process.nextTick(held.callback, reason ?? held.error);
  }
}

/** Node's own code for a write to a socket that was destroyed while it connected. */
function closedBefore(): Error {
  const message = 'Socket closed before the TLS connection was established';
  return new S2nPkeyError('ERR_SOCKET_CLOSED_BEFORE_CONNECTION', message);
}
