import { S2nPkeyError } from '../../errors.ts';

export interface Chunk {
  chunk: unknown;
  encoding: BufferEncoding;
}

export type WriteCallback = (error?: Error | null) => void;

/**
 * Writes of a client before its handshake is complete. The bytes wait in the socketpair until the engine sends them. A write
 * succeeds only after the handshake, so that a write whose bytes were never sent fails.
 */
export class UnsentWrites {
  #held: { callback: WriteCallback; error: Error | undefined } | undefined;
  #over = false;
  #reason: Error | undefined;

  /**
   * Returns the callback for the write to the pair, to use instead of the stream's own. A stream has one write in progress at a
   * time. If the pair breaks, the handshake has failed; the engine reports the reason, so this callback does not.
   */
  hold(callback: WriteCallback): WriteCallback {
    return (error) => {
      if (this.#over) callback(error ?? this.#reason);
      else this.#held = { callback, error: error ?? undefined };
    };
  }

  /** The handshake is complete. */
  send(): void {
    this.#settle(undefined);
  }

  /** The socket was destroyed before the handshake was complete, with `reason` if there is one. */
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

/** The error of Node for a write to a socket that was destroyed while it connected. */
function closedBefore(): Error {
  const message = 'Socket closed before the TLS connection was established';
  return new S2nPkeyError('ERR_SOCKET_CLOSED_BEFORE_CONNECTION', message);
}
