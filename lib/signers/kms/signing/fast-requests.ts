import { ConnectionPool, type PoolLimits } from './connection-pool.ts';
import { FastSignature, SurprisedError } from './fast-signature.ts';
import type { FastState } from './fast-state.ts';
import { Identity } from './identity.ts';
import { Latencies } from './latencies.ts';
import type { RequestPlan } from './request-plan.ts';
import { RetryBudget } from '../client/retry-budget.ts';
import { retryDelay, retryShare } from '../client/retry-delay.ts';
import type { SdkRequests } from './sdk-requests.ts';
import { signBody } from './sign-body.ts';
import { ClosedError, type SignAnswer, type SignAsk, type SignRequests } from './sign-requests.ts';
import type { SigningLimits } from './signing-limits.ts';
import { SigV4 } from './sigv4.ts';
import type { Cancellation } from '../../cancellation.ts';

/** Milliseconds for which the SDK asks, after an answer that could not be read here and could there. */
const distrust = 60_000;

/** What tests give in place of time and luck. */
export interface FastTuning {
  readonly pool?: PoolLimits;
  /** By which credentials grow old. */
  readonly now?: () => number;
  readonly retryDelay?: FastState['retryDelay'];
}

/** Asks KMS for signatures over connections of its own, in a fraction of the time that the AWS SDK needs, and lets that ask where it is surprised. */
export class FastRequests implements SignRequests {
  readonly #state: FastState;
  readonly #sdk: SdkRequests;
  #trustedFrom = 0;
  #closed = false;

  /** @param sdk how to ask otherwise; it is closed with this. */
  constructor(
    keyArn: string,
    plan: RequestPlan,
    limits: SigningLimits,
    sdk: SdkRequests,
    tuning: FastTuning = {},
  ) {
    const { hedging, timeout } = limits;
    this.#sdk = sdk;
    this.#state = {
      keyArn,
      pool: new ConnectionPool(plan.endpoint, tuning.pool),
      identity: new Identity(plan.provide, tuning.now ?? (() => performance.now())),
      sigv4: new SigV4(plan.scope),
      clock: plan.clock,
      retries: new RetryBudget(retryShare.share, retryShare.most, retryShare.perSecond),
      hedging:
        hedging === false
          ? undefined
          : {
              latencies: new Latencies(hedging.percentile),
              budget: new RetryBudget(hedging.share, 10, 0),
            },
      timeout,
      attemptTimeout: timeout / 2,
      body: signBody(keyArn),
      retryDelay: tuning.retryDelay ?? retryDelay,
      under: new Set(),
    };
  }

  /** Connections to KMS. */
  get connections(): number {
    return this.#state.pool.size;
  }

  sign(ask: SignAsk, signal: Cancellation | undefined): Promise<SignAnswer> {
    if (this.#closed) return Promise.reject(new ClosedError());
    if (this.#trustedFrom > 0 && performance.now() < this.#trustedFrom) return this.#sdk.sign(ask, signal);
    const begun = performance.now();
    return new Promise((resolve, reject) => {
      const refused = (error: Error): void => {
        if (!(error instanceof SurprisedError) || signal?.aborted === true) {
          reject(error);
          return;
        }
        const left = this.#state.timeout - (performance.now() - begun);
        resolve(this.#askSdk(ask, signal, left));
      };
      new FastSignature(this.#state, ask, signal, resolve, refused).start();
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const signature of [...this.#state.under]) signature.close();
    this.#state.pool.close();
    this.#sdk.close();
  }

  async #askSdk(ask: SignAsk, signal: Cancellation | undefined, timeout: number): Promise<SignAnswer> {
    const answer = await this.#sdk.sign(ask, signal, timeout);
    // It was no bad moment of KMS: the SDK can read what cannot be read here.
    this.#trustedFrom = performance.now() + distrust;
    return answer;
  }
}
