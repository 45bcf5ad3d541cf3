import { AsyncResource } from 'node:async_hooks';
import type { Cancellation } from '../../cancellation.ts';
import type { RetryBudget } from '../client/retry-budget.ts';
import { mostAttempts } from '../client/retry-delay.ts';
import { kmsAttemptChannel } from '../../../observe/channels/channels.ts';
import { publishAttempt, type Attempt, type Latencies } from './attempt.ts';
import { failureOfConnection, failureOfResponse, membersOf, unparseable, type Failure } from './retry.ts';
import { ClosedError, SignatureTimeoutError, type SignAnswer, type SignAsk } from './sign-requests.ts';
import { isSame, type Credentials, type CurrentCredentials, type SigV4 } from './sigv4.ts';
import type { ExchangeListener, HttpResponse, Transport } from './transport.ts';

/** Milliseconds by which clocks must differ before it is the reason for a refused signature; the SDK's own limit. */
const skewThreshold = 240_000;

/** Milliseconds to wait for the response to an abandoned request, which keeps its connection open. */
const longestDrain = 10_000;

/** The offset of the server's clock from this machine's, in milliseconds. */
export interface Clock {
  offset: number;
}

/** The state that all signatures by one key share. */
export interface SigningState {
  readonly keyArn: string;
  readonly transport: Transport;
  readonly credentials: CurrentCredentials;
  readonly sigv4: SigV4;
  readonly clock: Clock;
  readonly retries: RetryBudget;
  readonly hedging: { readonly latencies: Latencies; readonly budget: RetryBudget } | undefined;
  /** Milliseconds for a signature. */
  readonly timeout: number;
  /** Milliseconds for each attempt. */
  readonly attemptTimeout: number;
  /** The body of the request. */
  readonly body: (ask: SignAsk) => string;
  /** Milliseconds before another attempt. */
  readonly retryDelay: (kind: 'transient' | 'throttled', attempts: number) => number;
  /** Called for each retry and each hedge. */
  readonly extraRequest: () => void;
  /** KMS throttled a request. */
  readonly throttled: () => void;
  /** The pending signatures. */
  readonly pending: Set<{ close(): void }>;
}

/**
 * One signature, from the first attempt to the answer, with its deadline, retries and hedge. An attempt that was sent is not
 * cancelled: its response is awaited within limits even if it is no longer needed, because closing a connection and opening
 * another costs more than the response.
 */
export class SignRequest {
  readonly #state: SigningState;
  readonly #ask: SignAsk;
  readonly #signal: Cancellation | undefined;
  readonly #resolve: (answer: SignAnswer) => void;
  readonly #reject: (error: Error) => void;
  readonly #deadline: number;
  readonly #live: Attempt[] = [];
  /** The asynchronous context in which attempts are published, if the channel has subscribers. */
  readonly #observer: AsyncResource | undefined;
  #attempts = 0;
  #resent = false;
  #renewed = false;
  #clockSet = false;
  #lastError: Error | undefined;
  #timer: NodeJS.Timeout | undefined;
  #hedgeTimer: NodeJS.Timeout | undefined;
  /** `draining`: no further attempt starts, and live ones are awaited. */
  #phase: 'signing' | 'draining' | 'over' = 'signing';
  /** The reason of a cancelled signature, which rejects once its attempts are drained. */
  #abandoned: Error | undefined;

  constructor(
    state: SigningState,
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
    if (kmsAttemptChannel.hasSubscribers) this.#observer = new AsyncResource('KmsSignature');
  }

  start(): void {
    this.#state.pending.add(this);
    this.#state.retries.deposit();
    this.#state.hedging?.budget.deposit();
    this.#signal?.addEventListener('abort', this.#abandon);
    this.#begin();
  }

  /** The signer closes. */
  close(): void {
    this.#settle();
    this.#reject(new ClosedError());
    for (const attempt of this.#live.splice(0)) attempt.exchange?.abort();
    this.#finish();
  }

  #begin(hedge = false): void {
    const { credentials } = this.#state;
    const known = credentials.current();
    if (known !== undefined) {
      this.#send(known, hedge);
      return;
    }
    this.#arm(this.#deadline);
    credentials.load().then(
      (loaded) => {
        if (this.#phase === 'signing') this.#send(loaded, hedge);
      },
      (error: unknown) => {
        this.#fail(asError(error));
      },
    );
  }

  #send(credentials: Credentials, hedge: boolean): void {
    const { transport, attemptTimeout, hedging, sigv4, clock, body } = this.#state;
    this.#attempts += 1;
    if (this.#attempts > 1) this.#state.extraRequest();
    const attempt: Attempt = {
      ...{ number: this.#attempts, isHedge: hedge, credentials, clockOffset: clock.offset },
      ...{ startedAt: performance.now(), sentAt: undefined, exchange: undefined },
    };
    this.#live.push(attempt);
    if (!hedge) {
      this.#arm(Math.min(this.#deadline, attempt.startedAt + attemptTimeout));
      const hedgeAfter = hedging?.latencies.value;
      if (hedgeAfter !== undefined && this.#attempts === 1) this.#hedgeAfter(hedgeAfter);
    }
    try {
      const request = sigv4.request(body(this.#ask), credentials, Date.now() + clock.offset);
      attempt.exchange = transport.send(request, this.#listener(attempt));
    } catch (error) {
      // Callers are timers and promise callbacks, which do not catch.
      this.#failed(attempt, { kind: 'final', error: asError(error) });
    }
  }

  #listener(attempt: Attempt): ExchangeListener {
    return {
      sent: () => {
        attempt.sentAt = performance.now();
      },
      answered: (response) => {
        this.#answered(attempt, response);
      },
      failed: (error, stale) => {
        this.#broken(attempt, error, stale);
      },
    };
  }

  #answered(attempt: Attempt, response: HttpResponse): void {
    const { status, requestId } = response;
    if (status !== 200) {
      this.#failed(attempt, failureOfResponse(response));
      return;
    }
    const said = membersOf(response.body);
    if (typeof said?.['KeyId'] !== 'string' || typeof said['Signature'] !== 'string') {
      this.#failed(attempt, unparseable(response));
      return;
    }
    this.#drop(attempt, 'ok', { status, requestId });
    if (this.#phase !== 'signing') {
      this.#drained();
      return;
    }
    const { KeyId: keyArn, Signature: signature, SigningAlgorithm: algorithm } = said;
    this.#settle();
    this.#resolve({
      keyArn,
      algorithm: typeof algorithm === 'string' ? algorithm : undefined,
      signature: Buffer.from(signature, 'base64'),
      requestId,
    });
    this.#drain();
  }

  #broken(attempt: Attempt, error: Error, stale: boolean): void {
    if (stale) this.#state.transport.replaceConnections(attempt.sentAt ?? attempt.startedAt);
    if (stale && this.#phase === 'signing' && !this.#resent && this.#state.retries.withdraw()) {
      // KMS closed an idle connection just as it was reused. KMS itself is well, so retry without delay.
      this.#resent = true;
      this.#drop(attempt, failureName(error));
      this.#begin(attempt.isHedge);
      return;
    }
    this.#failed(attempt, failureOfConnection(error));
  }

  #hedgeAfter(milliseconds: number): void {
    this.#hedgeTimer = setTimeout(() => {
      // If the first request is still queued, a second one would only lengthen the queue.
      const [first] = this.#live;
      if (this.#live.length !== 1 || first?.sentAt === undefined) return;
      if (this.#state.hedging?.budget.withdraw() === true) this.#begin(true);
    }, milliseconds);
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
    const { attemptTimeout, timeout, transport } = this.#state;
    if (this.#phase === 'draining' || now >= this.#deadline - 1) {
      for (const attempt of [...this.#live]) this.#giveUp(attempt);
      this.#fail(new SignatureTimeoutError(timeout, this.#attempts, this.#lastError));
      return;
    }
    const late = this.#live.find(({ startedAt }) => now - startedAt >= attemptTimeout - 1);
    if (late === undefined) {
      // Timers count from the start of the turn that set them, so they can fire early.
      this.#arm(Math.min(this.#deadline, ...this.#live.map(({ startedAt }) => startedAt + attemptTimeout)));
      return;
    }
    late.exchange?.abort();
    // Other connections may lead to the same dead machine.
    transport.replaceConnections(late.startedAt);
    const error = Object.assign(new Error(`no answer within ${attemptTimeout} ms`), { name: 'TimeoutError' });
    this.#failed(late, { kind: 'transient', error });
  }

  /** Ends an attempt at the deadline. */
  #giveUp(attempt: Attempt): void {
    attempt.exchange?.abort();
    this.#drop(attempt, 'TimeoutError');
  }

  #failed(attempt: Attempt, failure: Failure): void {
    if (failure.kind === 'throttled') this.#state.throttled();
    this.#drop(attempt, failureName(failure.error), failure);
    if (this.#phase !== 'signing') {
      this.#drained();
      return;
    }
    this.#lastError = failure.error;
    switch (failure.kind) {
      case 'transient':
      case 'throttled':
        // A live hedge may still succeed.
        if (this.#live.length === 0) this.#retry(failure.kind, failure.error);
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
      case 'final':
        break;
    }
    this.#fail(failure.error);
  }

  #retry(kind: 'transient' | 'throttled', error: Error): void {
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
      this.#begin();
    }, delay);
  }

  #renew({ credentials }: Attempt, error: Error): void {
    this.#arm(this.#deadline);
    this.#state.credentials.renew(credentials).then(
      (renewed) => {
        if (this.#phase !== 'signing') return;
        // KMS would refuse the same credentials again.
        if (isSame(renewed, credentials)) this.#fail(error);
        else this.#begin();
      },
      (cause: unknown) => {
        this.#fail(asError(cause));
      },
    );
  }

  /** Corrects the clock offset. Returns false if the clock was not the reason. */
  #setClock(attempt: Attempt, { serverTime }: Failure): boolean {
    if (serverTime === undefined || this.#clockSet) return false;
    const offset = serverTime - Date.now();
    if (Math.abs(offset - attempt.clockOffset) < skewThreshold) return false;
    this.#clockSet = true;
    this.#state.clock.offset = offset;
    return true;
  }

  /** The caller cancelled the signature. It stays pending until its attempts are drained. */
  readonly #abandon = (): void => {
    const reason: unknown = this.#signal?.reason;
    this.#abandoned = asError(reason);
    this.#settle();
    this.#drain();
  };

  #fail(error: Error): void {
    if (this.#phase === 'signing') {
      this.#settle();
      this.#reject(error);
    }
    this.#drain();
  }

  /** Stops sending. */
  #settle(): void {
    if (this.#phase !== 'signing') return;
    this.#phase = 'draining';
    clearTimeout(this.#timer);
    clearTimeout(this.#hedgeTimer);
    this.#signal?.removeEventListener('abort', this.#abandon);
  }

  #drain(): void {
    for (const attempt of this.#live.filter(({ sentAt }) => sentAt === undefined)) {
      attempt.exchange?.abort();
      this.#drop(attempt, 'AbortError');
    }
    const bound = Math.max(0, ...this.#live.map(({ startedAt }) => startedAt + this.#state.attemptTimeout));
    if (this.#live.length > 0) this.#arm(Math.min(bound, performance.now() + longestDrain));
    this.#drained();
  }

  #drained(): void {
    if (this.#live.length > 0 || this.#phase === 'over') return;
    if (this.#abandoned !== undefined) this.#reject(this.#abandoned);
    this.#finish();
  }

  #finish(): void {
    if (this.#phase === 'over') return;
    this.#phase = 'over';
    clearTimeout(this.#timer);
    this.#state.pending.delete(this);
    this.#observer?.emitDestroy();
  }

  /** The attempt is over. */
  #drop(attempt: Attempt, outcome: string, facts: Partial<Failure> = {}): void {
    const at = this.#live.indexOf(attempt);
    if (at >= 0) this.#live.splice(at, 1);
    const { hedging } = this.#state;
    if (
      hedging !== undefined &&
      attempt.sentAt !== undefined &&
      (outcome === 'ok' || outcome === 'TimeoutError')
    ) {
      // Timeouts count as well: those attempts would have taken at least as long.
      hedging.latencies.add(performance.now() - attempt.sentAt);
    }
    if (this.#observer !== undefined)
      publishAttempt(this.#observer, this.#state.keyArn, attempt, outcome, facts);
  }
}

function failureName(error: Error): string {
  return 'code' in error && typeof error.code === 'string' ? error.code : error.name;
}

function asError(value: unknown): Error {
  return value instanceof Error ? value : new Error(String(value));
}
