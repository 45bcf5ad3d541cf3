import type { SigningAlgorithmSpec } from '@aws-sdk/client-kms';
import type { Cancellation } from '../../cancellation.ts';

/** What is asked of KMS for one signature. */
export interface SignAsk {
  readonly algorithm: SigningAlgorithmSpec;
  /** A digest. */
  readonly message: Uint8Array;
}

/** What KMS answered, as it is: whoever asked checks that it belongs to the question. */
export interface SignAnswer {
  readonly keyArn: string | undefined;
  readonly algorithm: string | undefined;
  readonly signature: Uint8Array | undefined;
  readonly requestId: string | undefined;
}

/** A way of asking KMS for signatures by one key. */
export interface SignRequests {
  /**
   * Rejects with what explainKmsFailure can explain: the AWS SDK's errors, those of the system, and `SignatureTimeoutError`. Once `signal` is
   * aborted nothing more is sent, and it settles in any way: at once, or when the response to what was sent is in or has taken too long.
   */
  sign(ask: SignAsk, signal: Cancellation | undefined): Promise<SignAnswer>;
  /** Called for each request that is sent for a signature beyond its first, where that is known. */
  onExtraRequest: (() => void) | undefined;
  /** Ends everything under way, and closes the connections. */
  close(): void;
}

/** No signature in the time it may take. `cause` is what went wrong last, if anything did. */
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

/** Makes the bodies of requests to sign with a key. All but the digest is made once for each algorithm, of which a key has six at most. */
export function signBody(keyArn: string): (ask: SignAsk) => string {
  const start = `{"KeyId":${JSON.stringify(keyArn)},"Message":"`;
  const ends = new Map<SigningAlgorithmSpec, string>();
  return ({ algorithm, message }) => {
    let end = ends.get(algorithm);
    if (end === undefined) {
      end = `","MessageType":"DIGEST","SigningAlgorithm":${JSON.stringify(algorithm)}}`;
      ends.set(algorithm, end);
    }
    return start + base64(message) + end;
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}
