import type { AsyncResource } from 'node:async_hooks';
import { kmsAttemptChannel } from '../../../observe/channels/channels.ts';
import type { KmsAttemptMessage } from '../../../observe/channels/handshake-messages.ts';
import type { Credentials } from './sigv4.ts';
import type { Failure } from './retry.ts';
import type { Exchange } from './transport.ts';

/** One HTTP request for a signature. */
export interface Attempt {
  /** 1 for the first. */
  readonly number: number;
  readonly isHedge: boolean;
  readonly credentials: Credentials;
  /** The assumed offset of the server's clock when the request was signed, in milliseconds. */
  readonly clockOffset: number;
  /** `performance.now()`. */
  readonly startedAt: number;
  /** `performance.now()`; undefined as long as it waits for a connection. */
  sentAt: number | undefined;
  exchange: Exchange | undefined;
}

/** Publishes a finished attempt, in the asynchronous context of its `sign()`. */
export function publishAttempt(
  context: AsyncResource,
  keyArn: string,
  attempt: Attempt,
  outcome: string,
  facts: Partial<Failure>,
): void {
  const now = performance.now();
  const message: KmsAttemptMessage = {
    operation: 'Sign',
    keyArn,
    attempt: attempt.number,
    hedge: attempt.isHedge,
    outcome,
    throttled: facts.kind === 'throttled',
    statusCode: facts.status,
    requestId: facts.requestId,
    durationMs: now - attempt.startedAt,
    queuedMs: (attempt.sentAt ?? now) - attempt.startedAt,
  };
  context.runInAsyncScope(() => {
    kmsAttemptChannel.publish(message);
  });
}

/** The number of latencies that are kept. */
const kept = 512;

/** The fewest latencies for which a percentile is meaningful. */
const enough = 50;

/** The percentile is computed again after this many new latencies. */
const every = 32;

/** A percentile of the latencies of recent attempts, after which a hedge is sent. */
export class Latencies {
  readonly #percentile: number;
  readonly #ring = new Float64Array(kept);
  #count = 0;
  #value: number | undefined;

  /** @param percentile 0–1. */
  constructor(percentile: number) {
    this.#percentile = percentile;
  }

  add(milliseconds: number): void {
    this.#ring[this.#count % kept] = milliseconds;
    this.#count += 1;
    if (this.#count >= enough && (this.#value === undefined || this.#count % every === 0)) {
      const sorted = this.#ring.slice(0, Math.min(this.#count, kept)).sort();
      this.#value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * this.#percentile))];
    }
  }

  /** Milliseconds; undefined as long as too few latencies are known. */
  get value(): number | undefined {
    return this.#value;
  }
}
