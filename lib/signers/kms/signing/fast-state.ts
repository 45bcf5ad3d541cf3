import type { ConnectionPool } from './connection-pool.ts';
import type { Identity } from './identity.ts';
import type { Latencies } from './latencies.ts';
import type { RetryBudget } from '../client/retry-budget.ts';
import type { SignAsk } from './sign-requests.ts';
import type { SigV4 } from './sigv4.ts';

/** How far the server's clock is ahead of this machine's, in milliseconds. */
export interface Clock {
  offset: number;
}

/** What all signatures by one key share. */
export interface FastState {
  readonly keyArn: string;
  readonly pool: ConnectionPool;
  readonly identity: Identity;
  readonly sigv4: SigV4;
  readonly clock: Clock;
  readonly retries: RetryBudget;
  readonly hedging: { readonly latencies: Latencies; readonly budget: RetryBudget } | undefined;
  /** Milliseconds for a signature. */
  readonly timeout: number;
  /** Milliseconds for each request. */
  readonly attemptTimeout: number;
  /** The body of the request. */
  readonly body: (ask: SignAsk) => string;
  /** Milliseconds before another attempt. */
  readonly retryDelay: (kind: 'transient' | 'throttled', attempts: number) => number;
  /** The signatures under way. */
  readonly under: Set<{ close(): void }>;
}
