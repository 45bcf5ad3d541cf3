import {
  handshakeEndChannel,
  handshakeStartChannel,
  signatureEndChannel,
  signatureStartChannel,
} from './channels.ts';
import type {
  HandshakeEndMessage,
  HandshakeStartMessage,
  SignatureEndMessage,
  SignatureStartMessage,
} from './handshake-messages.ts';
import { outcomeOf } from './outcome.ts';

/** What the end of a handshake tells beside how it went. */
export type HandshakeDetails = Omit<
  HandshakeEndMessage,
  keyof HandshakeStartMessage | 'outcome' | 'durationMs' | 'error'
>;

/**
 * One handshake that somebody watches: publishes its start when it is made, its signatures and its end. Made by
 * `observeHandshake`, and otherwise not there at all.
 */
export class HandshakeObservation {
  readonly #start = performance.now();
  /** The message, which is the handshake's identity: the end is added to it. */
  readonly #message: HandshakeStartMessage;
  #askedAt = 0;
  #ended = false;

  constructor(side: 'server' | 'client') {
    this.#message = { side, startTime: performance.timeOrigin + this.#start };
    handshakeStartChannel.publish(this.#message);
  }

  /** The handshake wants a signature: it may have to wait before a signer is asked. */
  signatureAsked(): void {
    this.#askedAt = performance.now();
  }

  /** Runs what asks the signer, in the async context that subscribers have bound to the start of a signature. */
  async sign(scheme: string, run: () => Promise<Uint8Array>): Promise<Uint8Array> {
    const start = performance.now();
    const message: SignatureStartMessage = {
      handshake: this.#message,
      scheme,
      startTime: performance.timeOrigin + start,
      queuedMs: start - this.#askedAt,
    };
    const end = (outcome: string, error?: Error): void => {
      const result = { outcome, error, durationMs: performance.now() - start };
      signatureEndChannel.publish(Object.assign(message, result) satisfies SignatureEndMessage);
    };
    try {
      const signature = await signatureStartChannel.runStores(message, run);
      end('ok');
      return signature;
    } catch (error) {
      end(outcomeOf(error), error as Error);
      throw error;
    }
  }

  /** The handshake has ended; only the first end counts. `outcome`: `'ok'`, `'abandoned'`, or the error. */
  end(outcome: 'ok' | 'abandoned' | Error, details: HandshakeDetails): void {
    if (this.#ended) return;
    this.#ended = true;
    const failed = outcome instanceof Error;
    const result = {
      ...details,
      outcome: failed ? outcomeOf(outcome) : outcome,
      error: failed ? outcome : undefined,
      durationMs: performance.now() - this.#start,
    };
    handshakeEndChannel.publish(Object.assign(this.#message, result) satisfies HandshakeEndMessage);
  }
}

/** Begins to watch a handshake, if anybody listens: undefined, and nothing but four looks, where nobody does. */
export function observeHandshake(side: 'server' | 'client'): HandshakeObservation | undefined {
  return handshakeStartChannel.hasSubscribers ||
    handshakeEndChannel.hasSubscribers ||
    signatureStartChannel.hasSubscribers ||
    signatureEndChannel.hasSubscribers
    ? new HandshakeObservation(side)
    : undefined;
}
