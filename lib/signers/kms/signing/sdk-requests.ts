import type { KMSClient } from '@aws-sdk/client-kms';
import { kmsAttempt, type KmsAttempt } from './attempt-channel.ts';
import { SignatureTimeoutError, type SignAnswer, type SignAsk, type SignRequests } from './sign-requests.ts';
import { kmsSdk } from '../client/sdk.ts';
import type { Cancellation } from '../../cancellation.ts';

/** Asks KMS for signatures by way of the AWS SDK, with the retries of its client. */
export class SdkRequests implements SignRequests {
  readonly #client: KMSClient;
  readonly #keyArn: string;
  readonly #timeout: number;
  readonly #under = new Set<AbortController>();

  /** @param timeout milliseconds for a signature. */
  constructor(client: KMSClient, keyArn: string, timeout: number) {
    this.#client = client;
    this.#keyArn = keyArn;
    this.#timeout = timeout;
  }

  async sign(
    { algorithm, message }: SignAsk,
    signal: Cancellation | undefined,
    timeout = this.#timeout,
  ): Promise<SignAnswer> {
    const abort = new AbortController();
    const begun = performance.now();
    let isLate = false;
    const timer = setTimeout(
      () => {
        isLate = true;
        abort.abort();
      },
      Math.max(1, timeout),
    );
    const passOn = (): void => {
      abort.abort(signal?.reason);
    };
    signal?.addEventListener('abort', passOn);
    if (signal?.aborted === true) passOn();
    this.#under.add(abort);
    try {
      const command = new (kmsSdk().SignCommand)({
        KeyId: this.#keyArn,
        Message: message,
        MessageType: 'DIGEST',
        SigningAlgorithm: algorithm,
      });
      const answer = await this.#client.send(command, { abortSignal: abort.signal });
      this.#publish(begun, answer);
      return {
        keyArn: answer.KeyId,
        algorithm: answer.SigningAlgorithm,
        signature: answer.Signature,
        requestId: answer.$metadata.requestId,
      };
    } catch (cause) {
      const error = isLate ? new SignatureTimeoutError(this.#timeout, undefined, undefined) : cause;
      this.#publish(begun, error);
      throw error;
    } finally {
      clearTimeout(timer);
      signal?.removeEventListener('abort', passOn);
      this.#under.delete(abort);
    }
  }

  /** The client is its owner's to destroy. */
  close(): void {
    for (const abort of this.#under) abort.abort();
  }

  #publish(begun: number, outcome: unknown): void {
    if (!kmsAttempt.hasSubscribers) return;
    const metadata = membersOf(membersOf(outcome)['$metadata']);
    const { httpStatusCode: statusCode, requestId, attempts } = metadata;
    const message: KmsAttempt = {
      operation: 'Sign',
      keyArn: this.#keyArn,
      attempt: typeof attempts === 'number' ? attempts : 1,
      hedge: false,
      outcome: outcome instanceof Error ? outcome.name : 'ok',
      throttled: outcome instanceof Error && /Throttl|LimitExceeded|TooManyRequests/.test(outcome.name),
      statusCode: typeof statusCode === 'number' ? statusCode : undefined,
      requestId: typeof requestId === 'string' ? requestId : undefined,
      durationMs: performance.now() - begun,
      queuedMs: undefined,
    };
    kmsAttempt.publish(message);
  }
}

function membersOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
