import { RetryBudget } from './retry-budget.ts';
import { mostAttempts, retryDelay, retryShare } from './retry-delay.ts';

/** How the SDK sorts failures (`RetryErrorType` of @smithy/types). */
interface RetryableFailure {
  readonly errorType: 'TRANSIENT' | 'THROTTLING' | 'SERVER_ERROR' | 'CLIENT_ERROR';
}

interface RetryToken {
  getRetryCount(): number;
  /** Milliseconds to wait before the retry; the SDK's middleware waits them, or until the request is aborted. */
  getRetryDelay(): number;
}

/**
 * The SDK's `RetryStrategyV2` for requests that a client waits for in the middle of its handshake. The SDK's own waits up to a
 * second and more after a throttle; a handshake lives a few seconds. This one tries again soon, and only as often as its budget allows.
 */
export class HandshakeRetryStrategy {
  readonly #budget = new RetryBudget(retryShare.share, retryShare.most, retryShare.perSecond);

  acquireInitialRetryToken(): Promise<RetryToken> {
    this.#budget.deposit();
    return Promise.resolve(token(0, 0));
  }

  /** Rejects when there is to be no other attempt; the SDK then reports the failure itself. */
  async refreshRetryTokenForRetry(last: RetryToken, { errorType }: RetryableFailure): Promise<RetryToken> {
    const count = last.getRetryCount() + 1;
    if (
      count >= mostAttempts ||
      (errorType !== 'TRANSIENT' && errorType !== 'THROTTLING') ||
      !this.#budget.withdraw()
    ) {
      throw new Error('no other attempt');
    }
    return token(count, retryDelay(errorType === 'TRANSIENT' ? 'transient' : 'throttled', count));
  }

  recordSuccess(): void {
    // The budget counts requests, not successes.
  }
}

function token(count: number, delay: number): RetryToken {
  return { getRetryCount: () => count, getRetryDelay: () => delay };
}
