import { AsyncResource } from 'node:async_hooks';
import { Attempt, type AttemptOwner } from './attempt.ts';
import { kmsAttempt, type KmsAttempt } from './attempt-channel.ts';
import {
  failureOfAnswer,
  failureOfConnection,
  failureOfUnreadable,
  membersOf,
  type Failure,
} from './failure.ts';
import type { FastState } from './fast-state.ts';
import type { HttpAnswer } from './http-answer.ts';
import { isSame } from './identity.ts';
import { mostAttempts } from '../client/retry-delay.ts';
import { ClosedError, SignatureTimeoutError, type SignAnswer, type SignAsk } from './sign-requests.ts';
import type { Credentials } from './sigv4.ts';
import type { Cancellation } from '../../cancellation.ts';

/** Milliseconds by which clocks must differ before it is the reason for a refused signature; the SDK's own limit. */
const skewThreshold = 240_000;

/** An answer could not be read: the AWS SDK is to ask in its place. */
export class SurprisedError extends Error {
  constructor(cause: Error) {
    super(cause.message, { cause });
    this.name = 'SurprisedError';
  }
}

/** One signature, from the first request for it to the answer: its deadline, retries and hedge. */
export class FastSignature implements AttemptOwner {
  readonly #state: FastState;
  readonly #ask: SignAsk;
  readonly #signal: Cancellation | undefined;
  readonly #resolve: (answer: SignAnswer) => void;
  readonly #reject: (error: Error) => void;
  readonly #deadline: number;
  readonly #live: Attempt[] = [];
  /** Where the attempts are told of, if anybody listens. */
  readonly #observer: AsyncResource | undefined;
  #attempts = 0;
  #resent = false;
  #renewed = false;
  #clockSet = false;
  #lastError: Error | undefined;
  #timer: NodeJS.Timeout | undefined;
  #hedgeTimer: NodeJS.Timeout | undefined;
  #over = false;

  constructor(
    state: FastState,
    ask: SignAsk,
    signal: Cancellation | undefined,
    resolve: (answer: SignAnswer) => void,
    reject: (error: Error) => void,
  ) {
    this.#state = state;
    this.#ask = ask;
    this.#signal = signal;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#deadline = performance.now() + state.timeout;
    if (kmsAttempt.hasSubscribers) this.#observer = new AsyncResource('KmsSignature');
  }

  start(): void {
    this.#state.under.add(this);
    this.#state.retries.deposit();
    this.#state.hedging?.budget.deposit();
    this.#signal?.addEventListener('abort', this.#abort);
    this.#begin();
  }

  /** The signer closes. */
  close(): void {
    this.#fail(new ClosedError());
  }

  render(attempt: Attempt): string {
    const { sigv4, clock, body } = this.#state;
    attempt.clockOffset = clock.offset;
    return sigv4.request(body(this.#ask), attempt.credentials, Date.now() + clock.offset);
  }

  answered(attempt: Attempt, answer: HttpAnswer): void {
    if (answer.status !== 200) {
      this.#failed(attempt, failureOfAnswer(answer));
      return;
    }
    const said = membersOf(answer.body);
    if (typeof said?.['KeyId'] !== 'string' || typeof said['Signature'] !== 'string') {
      this.#failed(attempt, failureOfUnreadable(answer));
      return;
    }
    const { KeyId: keyArn, Signature: signature, SigningAlgorithm: algorithm } = said;
    this.#publish(attempt, 'ok', { status: 200, requestId: answer.requestId });
    this.#state.hedging?.latencies.add(performance.now() - (attempt.sent ?? attempt.begun));
    this.#drop(attempt);
    this.#end();
    this.#resolve({
      keyArn,
      algorithm: typeof algorithm === 'string' ? algorithm : undefined,
      signature: Buffer.from(signature, 'base64'),
      requestId: answer.requestId,
    });
  }

  broken(attempt: Attempt, error: Error, stale: boolean): void {
    if (stale && !this.#resent && this.#state.retries.withdraw()) {
      // KMS closed an idle connection as it was used: that says nothing about KMS, and needs no patience.
      this.#resent = true;
      this.#publish(attempt, failureName(error), {});
      this.#drop(attempt);
      this.#begin({ hedge: attempt.isHedge, provenAfter: attempt.sent ?? attempt.begun });
      return;
    }
    this.#failed(attempt, failureOfConnection(error), attempt.sent);
  }

  #begin({ hedge = false, provenAfter = 0 }: { hedge?: boolean; provenAfter?: number } = {}): void {
    const { identity } = this.#state;
    const credentials = identity.current();
    if (credentials !== undefined) {
      this.#send(credentials, hedge, provenAfter);
      return;
    }
    this.#arm(this.#deadline);
    identity.load().then(
      (loaded) => {
        if (!this.#over) this.#send(loaded, hedge, provenAfter);
      },
      (error: unknown) => {
        this.#fail(asError(error));
      },
    );
  }

  #send(credentials: Credentials, hedge: boolean, provenAfter: number): void {
    const { pool, attemptTimeout, hedging } = this.#state;
    this.#attempts += 1;
    const attempt = new Attempt(this, this.#attempts, hedge, credentials);
    this.#live.push(attempt);
    if (!hedge) {
      this.#arm(Math.min(this.#deadline, attempt.begun + attemptTimeout));
      const patience = hedging?.latencies.value;
      if (patience !== undefined && this.#attempts === 1) this.#hedgeAfter(patience);
    }
    pool.send(attempt, provenAfter);
  }

  #hedgeAfter(patience: number): void {
    this.#hedgeTimer = setTimeout(() => {
      // A second request for one that has not left the queue would only make the queue longer.
      const [first] = this.#live;
      if (this.#live.length !== 1 || first?.sent === undefined) return;
      if (this.#state.hedging?.budget.withdraw() === true) this.#begin({ hedge: true });
    }, patience);
  }

  #arm(at: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(
      () => {
        this.#timeUp();
      },
      Math.max(1, at - performance.now()),
    );
  }

  #timeUp(): void {
    const now = performance.now();
    if (now >= this.#deadline - 1) {
      for (const attempt of this.#live) this.#publish(attempt, 'TimeoutError', {});
      this.#fail(new SignatureTimeoutError(this.#state.timeout, this.#attempts, this.#lastError));
      return;
    }
    const { attemptTimeout, pool } = this.#state;
    const late = this.#live.find((attempt) => now - attempt.begun >= attemptTimeout - 1);
    if (late === undefined) {
      // A timer fires early by what the turn that set it had taken before.
      this.#arm(Math.min(this.#deadline, ...this.#live.map(({ begun }) => begun + attemptTimeout)));
      return;
    }
    pool.cancel(late);
    const error = Object.assign(new Error(`no answer within ${attemptTimeout} ms`), { name: 'TimeoutError' });
    // Its connection may be one of many to a machine that is gone.
    this.#failed(late, { kind: 'transient', error }, late.begun);
  }

  #failed(attempt: Attempt, failure: Failure, provenAfter = 0): void {
    this.#publish(attempt, failureName(failure.error), failure);
    this.#drop(attempt);
    this.#lastError = failure.error;
    switch (failure.kind) {
      case 'transient':
      case 'throttled':
        // The other request, if there is one, may still do it.
        if (this.#live.length === 0) this.#retry(failure.kind, failure.error, provenAfter);
        else this.#arm(this.#deadline);
        return;
      case 'expired':
        if (this.#renewed) break;
        this.#renewed = true;
        this.#renew(attempt, failure.error);
        return;
      case 'refused':
        if (!this.#setClock(attempt, failure)) break;
        this.#begin();
        return;
      case 'unknown':
        this.#fail(new SurprisedError(failure.error));
        return;
      case 'final':
        break;
    }
    this.#fail(failure.error);
  }

  #retry(kind: 'transient' | 'throttled', error: Error, provenAfter: number): void {
    const delay = this.#state.retryDelay(kind, this.#attempts);
    if (
      this.#attempts >= mostAttempts ||
      performance.now() + delay >= this.#deadline ||
      !this.#state.retries.withdraw()
    ) {
      this.#fail(error);
      return;
    }
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.#begin({ provenAfter });
    }, delay);
  }

  #renew({ credentials }: Attempt, error: Error): void {
    this.#arm(this.#deadline);
    this.#state.identity.renew(credentials).then(
      (renewed) => {
        if (this.#over) return;
        // The same ones again would be refused again.
        if (isSame(renewed, credentials)) this.#fail(error);
        else this.#begin();
      },
      (cause: unknown) => {
        this.#fail(asError(cause));
      },
    );
  }

  /** Whether the clock was the reason, and is right from now on. */
  #setClock(attempt: Attempt, { serverTime }: Failure): boolean {
    if (serverTime === undefined || this.#clockSet) return false;
    const offset = serverTime - Date.now();
    if (Math.abs(offset - attempt.clockOffset) < skewThreshold) return false;
    this.#clockSet = true;
    this.#state.clock.offset = offset;
    return true;
  }

  readonly #abort = (): void => {
    for (const attempt of this.#live) this.#publish(attempt, 'AbortError', {});
    const reason: unknown = this.#signal?.reason;
    this.#fail(asError(reason));
  };

  #drop(attempt: Attempt): void {
    const at = this.#live.indexOf(attempt);
    if (at >= 0) this.#live.splice(at, 1);
  }

  #fail(error: Error): void {
    if (this.#over) return;
    this.#end();
    this.#reject(error);
  }

  /** Nothing more is sent or waited for. */
  #end(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#timer);
    clearTimeout(this.#hedgeTimer);
    this.#signal?.removeEventListener('abort', this.#abort);
    const { under, pool, hedging } = this.#state;
    under.delete(this);
    for (const attempt of this.#live) {
      // At least as long: without it only the quick ones would be counted.
      if (attempt.sent !== undefined) hedging?.latencies.add(performance.now() - attempt.sent);
      pool.cancel(attempt);
    }
    this.#observer?.emitDestroy();
  }

  #publish(attempt: Attempt, outcome: string, facts: Partial<Failure>): void {
    const observer = this.#observer;
    if (observer === undefined) return;
    const now = performance.now();
    const message: KmsAttempt = {
      operation: 'Sign',
      keyArn: this.#state.keyArn,
      attempt: attempt.number,
      hedge: attempt.isHedge,
      outcome,
      throttled: facts.kind === 'throttled',
      statusCode: facts.status,
      requestId: facts.requestId,
      durationMs: now - attempt.begun,
      queuedMs: (attempt.sent ?? now) - attempt.begun,
    };
    observer.runInAsyncScope(() => {
      kmsAttempt.publish(message);
    });
  }
}

function failureName(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

function asError(value: unknown): Error {
  return value instanceof Error ? value : new Error(String(value));
}
