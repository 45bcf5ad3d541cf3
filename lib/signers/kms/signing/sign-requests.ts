import type { SigningAlgorithmSpec } from '@aws-sdk/client-kms';
import type { Cancellation } from '../../cancellation.ts';

/** The input of one signature. */
export interface SignAsk {
  readonly algorithm: SigningAlgorithmSpec;
  /** One algorithm has one type: ML-DSA signs the µ of a message, the others sign a digest. */
  readonly messageType: 'DIGEST' | 'EXTERNAL_MU';
  readonly message: Uint8Array;
}

/** The response of KMS, unchecked. The caller checks that key and algorithm match the request. */
export interface SignAnswer {
  readonly keyArn: string | undefined;
  readonly algorithm: string | undefined;
  readonly signature: Uint8Array | undefined;
  readonly requestId: string | undefined;
}

/** Limits of one signature, as `KmsSignerOptions` set them. */
export interface SigningLimits {
  /** Milliseconds. */
  readonly timeout: number;
  readonly hedging: { readonly percentile: number; readonly share: number } | false;
}

/** Requests signatures by one key from KMS. */
export interface SignRequests {
  /**
   * Rejects with an error that `explainKmsFailure` can explain: the AWS SDK's, a system error, or `SignatureTimeoutError`. After `signal`
   * is aborted nothing more is sent. The promise then settles at once, or after the response or timeout of what was sent.
   */
  sign(ask: SignAsk, signal: Cancellation | undefined): Promise<SignAnswer>;
  /** Called for each retry and each hedge, if known. */
  onExtraRequest: (() => void) | undefined;
  /** Called for each request that KMS throttled, if known. */
  onThrottle: (() => void) | undefined;
  /** Cancels all pending signatures and closes the connections. */
  close(): void;
}

/** No signature within its deadline. `cause` is the last failure, if there was one. */
export class SignatureTimeoutError extends Error {
  constructor(milliseconds: number, attempts: number | undefined, cause: unknown) {
    const tried = attempts === undefined ? '' : ` (requests: ${attempts})`;
    super(`no signature within ${milliseconds} ms${tried}`, cause === undefined ? {} : { cause });
    this.name = 'TimeoutError'; // As the SDK calls it.
  }
}

/** The signer was closed while the request was under way. */
export class ClosedError extends Error {
  constructor() {
    super('the signer was closed');
    this.name = 'AbortError';
  }
}
