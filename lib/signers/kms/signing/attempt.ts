import type { AsyncResource } from 'node:async_hooks';
import { kmsAttemptChannel } from '../../../observe/channels/channels.ts';
import type { KmsAttemptMessage } from '../../../observe/channels/handshake-messages.ts';
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

/** Publishes an attempt that is over, in the asynchronous context of its `sign()`. */
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
