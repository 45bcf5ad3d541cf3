import type { KMSClient, SignCommand } from '@aws-sdk/client-kms';
import { kmsAttemptChannel } from '../../../observe/channels/channels.ts';
import type { KmsAttemptMessage } from '../../../observe/channels/handshake-messages.ts';
import {
  ClosedError,
  SignatureTimeoutError,
  type SignAnswer,
  type SignAsk,
  type SignRequests,
} from './sign-requests.ts';
import { kmsSdk } from '../client/sdk.ts';
import type { Cancellation } from '../../cancellation.ts';

/** Requests signatures through the AWS SDK, with the retries of its client. */
export class SdkRequests implements SignRequests {
  readonly #client: KMSClient;
  readonly #keyArn: string;
  readonly #timeout: number;
  onExtraRequest: (() => void) | undefined;
  onThrottle: (() => void) | undefined;
  readonly #pending = new Set<AbortController>();

  /** @param timeout milliseconds for a signature. */
  constructor(client: KMSClient, keyArn: string, timeout: number) {
    this.#client = client;
    this.#keyArn = keyArn;
    this.#timeout = timeout;
  }

  async sign(
    { algorithm, messageType, message }: SignAsk,
    signal: Cancellation | undefined,
    timeout = this.#timeout,
  ): Promise<SignAnswer> {
    const abort = new AbortController();
    const startedAt = performance.now();
    let isLate = false;
    const timer = setTimeout(
      () => {
        isLate = true;
        abort.abort();
      },
      Math.max(1, timeout),
    );
    this.#pending.add(abort);
    try {
      const command = new (kmsSdk().SignCommand)({
        KeyId: this.#keyArn,
        Message: message,
        MessageType: messageType,
        SigningAlgorithm: algorithm,
      });
      if (signal !== undefined) sendOnlyWhileWanted(command, signal);
      const answer = await this.#client.send(command, { abortSignal: abort.signal });
      this.#count(answer);
      this.#publish(startedAt, answer);
      return {
        keyArn: answer.KeyId,
        algorithm: answer.SigningAlgorithm,
        signature: answer.Signature,
        requestId: answer.$metadata.requestId,
      };
    } catch (cause) {
      this.#count(cause);
      if (isThrottle(cause)) this.onThrottle?.();
      const error = isLate ? new SignatureTimeoutError(this.#timeout, undefined, undefined) : cause;
      this.#publish(startedAt, error);
      throw error;
    } finally {
      clearTimeout(timer);
      this.#pending.delete(abort);
    }
  }

  /** Does not destroy the client, which belongs to the caller. */
  close(): void {
    for (const abort of this.#pending) abort.abort();
  }

  /** The SDK reports its retries only at the end. */
  #count(outcome: unknown): void {
    const { attempts } = membersOf(membersOf(outcome)['$metadata']);
    for (let extra = typeof attempts === 'number' ? attempts - 1 : 0; extra > 0; extra--)
      this.onExtraRequest?.();
  }

  #publish(startedAt: number, outcome: unknown): void {
    if (!kmsAttemptChannel.hasSubscribers) return;
    const metadata = membersOf(membersOf(outcome)['$metadata']);
    const { httpStatusCode: statusCode, requestId, attempts } = metadata;
    const message: KmsAttemptMessage = {
      operation: 'Sign',
      keyArn: this.#keyArn,
      attempt: typeof attempts === 'number' ? attempts : 1,
      hedge: false,
      outcome: outcome instanceof Error ? outcome.name : 'ok',
      throttled: isThrottle(outcome),
      statusCode: typeof statusCode === 'number' ? statusCode : undefined,
      requestId: typeof requestId === 'string' ? requestId : undefined,
      durationMs: performance.now() - startedAt,
      queuedMs: undefined,
    };
    kmsAttemptChannel.publish(message);
  }
}

/**
 * Stops further attempts once the signature is cancelled. An attempt that was sent is awaited, because aborting it would close its
 * connection, which costs more than the response.
 */
function sendOnlyWhileWanted(command: SignCommand, signal: Cancellation): void {
  command.middlewareStack.add(
    (next) => (args) => {
      if (signal.aborted) throw new ClosedError();
      return next(args);
    },
    { step: 'finalizeRequest', priority: 'low', name: 's2nPkeyWanted' },
  );
}

function isThrottle(outcome: unknown): boolean {
  return outcome instanceof Error && /Throttl|LimitExceeded|TooManyRequests/.test(outcome.name);
}

function membersOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}
