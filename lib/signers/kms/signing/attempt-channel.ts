import { channel } from 'node:diagnostics_channel';

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
