import type { AsyncResource } from 'node:async_hooks';
import { channel } from 'node:diagnostics_channel';
import type { Credentials } from './credentials.ts';
import type { Failure } from './retry.ts';
import type { Exchange } from './transport.ts';

/** One HTTP request for a signature. */
export interface Attempt {
  /** 1 for the first. */
  readonly number: number;
  readonly isHedge: boolean;
  readonly credentials: Credentials;
  /** How far the server's clock was thought to be ahead when it was signed, in milliseconds. */
  readonly clockOffset: number;
  /** `performance.now()`. */
  readonly startedAt: number;
  /** `performance.now()`; undefined as long as it waits for a connection. */
  sentAt: number | undefined;
  exchange: Exchange | undefined;
}

/** One request for a signature, as the channel `s2n-pkey:kms:attempt` tells of it once it is over. */
export interface KmsAttempt {
  readonly operation: 'Sign';
  readonly keyArn: string;
  /** 1 for the first request of a signature. By way of the SDK there is one message a signature, with the number of its last attempt. */
  readonly attempt: number;
  /** Whether it was sent beside another one that took long. */
  readonly hedge: boolean;
  /** `ok`, or the name or code of what went wrong: `ThrottlingException`, `ECONNRESET`, `TimeoutError`, `AbortError`. */
  readonly outcome: string;
  readonly throttled: boolean;
  /** Of the HTTP answer, if there was one. */
  readonly statusCode: number | undefined;
  /** KMS's own, as in CloudTrail. */
  readonly requestId: string | undefined;
  /** Milliseconds, the time in the queue included. */
  readonly durationMs: number;
  /** Milliseconds it waited for a connection; undefined by way of the SDK, which does not tell. */
  readonly queuedMs: number | undefined;
}

/** Where every request for a signature is told of, in the asynchronous context of its `sign()`. Nothing is made unless somebody listens. */
export const kmsAttempt = channel('s2n-pkey:kms:attempt');

/** Publishes an attempt that is over, in the asynchronous context of its `sign()`. */
export function publishAttempt(
  context: AsyncResource,
  keyArn: string,
  attempt: Attempt,
  outcome: string,
  facts: Partial<Failure>,
): void {
  const now = performance.now();
  const message: KmsAttempt = {
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
    kmsAttempt.publish(message);
  });
}
