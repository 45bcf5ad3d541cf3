/** How the SDK sorts failures (`RetryErrorType` of @smithy/types). */
interface RetryableFailure {
  readonly errorType: 'TRANSIENT' | 'THROTTLING' | 'SERVER_ERROR' | 'CLIENT_ERROR';
}

interface RetryToken {
  getRetryCount(): number;
  /** Milliseconds to wait before the retry; the SDK's middleware waits them, or until the request is aborted. */
  getRetryDelay(): number;
}

/** Attempts at one request: enough for a kept connection that KMS has closed meanwhile, or one lost packet. */
export const handshakeAttempts = 2;

/** Milliseconds before the second attempt, drawn evenly, so that handshakes that failed together do not return together. */
const delays = { TRANSIENT: [10, 50], THROTTLING: [100, 300] } as const;

/**
 * The SDK's `RetryStrategyV2` for requests that a client waits for in the middle of its handshake. The SDK's own waits up to a
 * second and more after a throttle, and three times; a handshake lives a few seconds. This one tries a second time, soon.
 */
export class HandshakeRetryStrategy {
  acquireInitialRetryToken(): Promise<RetryToken> {
    return Promise.resolve(token(0, 0));
  }

  /** Rejects when there is to be no other attempt; the SDK then reports the failure itself. */
  async refreshRetryTokenForRetry(last: RetryToken, { errorType }: RetryableFailure): Promise<RetryToken> {
    const count = last.getRetryCount() + 1;
    if (count >= handshakeAttempts || (errorType !== 'TRANSIENT' && errorType !== 'THROTTLING')) {
      throw new Error('no other attempt');
    }
    const [from, to] = delays[errorType];
    return Promise.resolve(token(count, from + Math.random() * (to - from)));
  }

  recordSuccess(): void {
    // Nothing is kept from one request to the next.
  }
}

function token(count: number, delay: number): RetryToken {
  return { getRetryCount: () => count, getRetryDelay: () => delay };
}
