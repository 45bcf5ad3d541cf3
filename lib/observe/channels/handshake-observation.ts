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

/** What the message of a handshake's end has beside the outcome. */
export type HandshakeDetails = Omit<
  HandshakeEndMessage,
  keyof HandshakeStartMessage | 'outcome' | 'durationMs' | 'error'
>;

/**
 * Publishes the start, the signatures and the end of one handshake. `observeHandshake` creates it only if there are
 * subscribers.
 */
export class HandshakeObservation {
  readonly #start = performance.now();
  /** The message of the start, which identifies the handshake. The end adds its fields to it. */
  readonly #message: HandshakeStartMessage;
  #askedAt = 0;
  #ended = false;

  constructor(side: 'server' | 'client') {
    this.#message = { side, startTime: performance.timeOrigin + this.#start };
    handshakeStartChannel.publish(this.#message);
  }

  /** The handshake requests a signature, which may wait before the signer is called. */
  signatureAsked(): void {
    this.#askedAt = performance.now();
  }

  /** Runs the call of the signer in the async context that subscribers bound to the start of a signature. */
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

  /** Publishes the end, once. `outcome`: `'ok'`, `'abandoned'`, or the error. */
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

/** Starts to observe a handshake. Without subscribers it returns undefined and costs four checks. */
export function observeHandshake(side: 'server' | 'client'): HandshakeObservation | undefined {
  return handshakeStartChannel.hasSubscribers ||
    handshakeEndChannel.hasSubscribers ||
    signatureStartChannel.hasSubscribers ||
    signatureEndChannel.hasSubscribers
    ? new HandshakeObservation(side)
    : undefined;
}
