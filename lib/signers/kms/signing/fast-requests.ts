import type { Cancellation } from '../../cancellation.ts';
import { RetryBudget } from '../client/retry-budget.ts';
import { retryDelay, retryShare } from '../client/retry-delay.ts';
import { Latencies } from './attempt.ts';
import { signBody, type RequestPlan } from './request-plan.ts';
import { UnparseableResponseError } from './retry.ts';
import type { SdkRequests } from './sdk-requests.ts';
import { SignRequest, type SigningState } from './sign-request.ts';
import {
  ClosedError,
  type SignAnswer,
  type SignAsk,
  type SigningLimits,
  type SignRequests,
} from './sign-requests.ts';
import { CurrentCredentials, SigV4 } from './sigv4.ts';
import { Transport, type TransportOptions } from './transport.ts';

/** Milliseconds for which the SDK makes the requests, after it could read a response that this package could not. */
const sdkCooldown = 60_000;

/** What tests replace: the clock, and everything random. */
export interface FastTuning {
  readonly transport?: TransportOptions;
  /** The clock for the age of credentials. */
  readonly now?: () => number;
  readonly retryDelay?: SigningState['retryDelay'];
}

/** Requests signatures over undici, with a fraction of the AWS SDK's CPU time. Falls back to the SDK if it cannot parse a response. */
export class FastRequests implements SignRequests {
  readonly #state: SigningState;
  readonly #sdk: SdkRequests;
  onExtraRequest: (() => void) | undefined;
  onThrottle: (() => void) | undefined;
  #sdkUntil = 0;
  #closed = false;

  /** @param sdk the fallback; `close` closes it too. */
  constructor(
    keyArn: string,
    plan: RequestPlan,
    limits: SigningLimits,
    sdk: SdkRequests,
    tuning: FastTuning = {},
  ) {
    const { hedging, timeout } = limits;
    this.#sdk = sdk;
    const extraRequest = (): void => this.onExtraRequest?.();
    sdk.onExtraRequest = extraRequest;
    const throttled = (): void => this.onThrottle?.();
    sdk.onThrottle = throttled;
    this.#state = {
      keyArn,
      transport: new Transport(plan.endpoint, tuning.transport),
      credentials: new CurrentCredentials(plan.provide, tuning.now ?? (() => performance.now())),
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
      extraRequest,
      throttled,
      pending: new Set(),
    };
  }

  sign(ask: SignAsk, signal: Cancellation | undefined): Promise<SignAnswer> {
    if (this.#closed) return Promise.reject(new ClosedError());
    if (this.#sdkUntil > 0 && performance.now() < this.#sdkUntil) return this.#sdk.sign(ask, signal);
    const startedAt = performance.now();
    return new Promise((resolve, reject) => {
      const refused = (error: Error): void => {
        if (!(error instanceof UnparseableResponseError) || signal?.aborted === true) {
          reject(error);
          return;
        }
        const left = this.#state.timeout - (performance.now() - startedAt);
        resolve(this.#askSdk(ask, signal, left));
      };
      new SignRequest(this.#state, ask, signal, resolve, refused).start();
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const signature of [...this.#state.pending]) signature.close();
    this.#state.transport.close();
    this.#sdk.close();
  }

  async #askSdk(ask: SignAsk, signal: Cancellation | undefined, timeout: number): Promise<SignAnswer> {
    this.onExtraRequest?.();
    const answer = await this.#sdk.sign(ask, signal, timeout);
    // So KMS is well, and only the SDK can parse its responses.
    this.#sdkUntil = performance.now() + sdkCooldown;
    return answer;
  }
}
