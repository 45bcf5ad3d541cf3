import { AsyncResource } from 'node:async_hooks';
import type { Worker } from 'node:worker_threads';
import type { KMSClient } from '@aws-sdk/client-kms';
import { startWorker } from '../../../../programs.ts';
import type { KmsClientOptions } from '../../client/kms-client.ts';
import { explainKmsFailure, KmsError } from '../../client/kms-error.ts';
import { kmsAttemptChannel } from '../../../../observe/channels/channels.ts';
import type { OpenedRequests } from '../open-requests.ts';
import type { CredentialsProvider } from '../sigv4.ts';
import {
  ClosedError,
  type SignAnswer,
  type SignAsk,
  type SigningLimits,
  type SignRequests,
} from '../sign-requests.ts';
import {
  errorOf,
  plainCredentials,
  textOf,
  type AskMessage,
  type FromWorker,
  type WorkerSetup,
  type ToWorker,
} from './messages.ts';
import type { Cancellation } from '../../../cancellation.ts';

interface Pending {
  readonly resolve: (answer: SignAnswer) => void;
  readonly reject: (error: Error) => void;
  readonly signal: Cancellation | undefined;
  readonly abort: () => void;
  readonly observer: AsyncResource | undefined;
}

/** A worker that ends within this time after its start, in milliseconds, is not replaced: the next one would end too. */
const shortestLife = 1_000;

/**
 * Requests signatures from a worker thread, which has the credentials, connections, deadlines and retries. A worker that ends is
 * replaced. It keeps the process alive only while signatures are pending.
 */
export class WorkerRequests implements SignRequests {
  readonly #setup: WorkerSetup;
  readonly #provide: CredentialsProvider | undefined;
  readonly #onStart: (worker: Worker) => void;
  readonly #now: () => number;
  onExtraRequest: (() => void) | undefined;
  onThrottle: (() => void) | undefined;
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | undefined;
  #started = 0;
  #lastId = 0;
  #asks: AskMessage[] = [];
  #cancels: number[] = [];
  #flushing = false;
  #closed = false;
  #opened: { resolve: (reason: string | undefined) => void; reject: (error: Error) => void } | undefined;

  private constructor(
    setup: WorkerSetup,
    provide: CredentialsProvider | undefined,
    started: (worker: Worker) => void,
    now: () => number,
  ) {
    this.#now = now;
    this.#onStart = started;
    this.#setup = setup;
    this.#provide = provide;
  }

  /**
   * @param provide the provider of credentials, if `setup.credentials` is `asked`.
   * @param started called with each new worker, for tests.
   * @param now the clock.
   * @returns `reason`: why the worker uses the SDK, if it does.
   */
  static async open(
    setup: WorkerSetup,
    provide: CredentialsProvider | undefined,
    started: (worker: Worker) => void = () => undefined,
    now: () => number = () => performance.now(),
  ): Promise<{ requests: WorkerRequests; reason: string | undefined }> {
    const requests = new WorkerRequests(setup, provide, started, now);
    try {
      const reason = await new Promise<string | undefined>((resolve, reject) => {
        requests.#opened = { resolve, reject };
        requests.#start().ref();
      });
      requests.#worker?.unref();
      return { requests, reason };
    } catch (error) {
      requests.close();
      throw error;
    }
  }

  sign(ask: SignAsk, signal: Cancellation | undefined): Promise<SignAnswer> {
    if (this.#closed) return Promise.reject(new ClosedError());
    if (this.#worker === undefined && this.#now() - this.#started < shortestLife) {
      return Promise.reject(this.#lost('it ended as soon as it was started'));
    }
    const worker = this.#worker ?? this.#start();
    const id = ++this.#lastId;
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#cancel(id);
      };
      signal?.addEventListener('abort', abort);
      const isObserved = kmsAttemptChannel.hasSubscribers;
      const observer = isObserved ? new AsyncResource('KmsSignature') : undefined;
      if (this.#pending.size === 0) worker.ref();
      this.#pending.set(id, { resolve, reject, signal, abort, observer });
      this.#asks.push({ id, ask, isObserved });
      this.#flushSoon();
    });
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(new ClosedError());
    void this.#worker?.terminate();
    this.#worker = undefined;
  }

  #start(): Worker {
    this.#started = this.#now();
    const worker = startWorker(import.meta.url, 'worker-main', {
      ...{ name: 's2n-pkey-kms', execArgv: [] },
      workerData: this.#setup,
    });
    this.#worker = worker;
    this.#onStart(worker);
    let why = 'it exited';
    worker.unref();
    worker.on('message', (message: FromWorker) => {
      this.#receive(message);
    });
    worker.on('error', (error: unknown) => {
      why = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
    });
    worker.on('exit', () => {
      if (this.#worker === worker) this.#ended(why);
    });
    return worker;
  }

  #ended(why: string): void {
    this.#worker = undefined;
    this.#asks = [];
    this.#cancels = [];
    const error = this.#lost(why);
    this.#opened?.reject(error);
    for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(error);
  }

  #receive(message: FromWorker): void {
    const { answers, attempts, extraRequests = 0, throttles = 0, ready, failed, wantsCredentials } = message;
    for (let extra = 0; extra < extraRequests; extra++) this.onExtraRequest?.();
    for (let throttle = 0; throttle < throttles; throttle++) this.onThrottle?.();
    for (const { id, attempt } of attempts) {
      const observer = this.#pending.get(id)?.observer;
      if (observer === undefined) kmsAttemptChannel.publish(attempt);
      else observer.runInAsyncScope(() => kmsAttemptChannel.publish(attempt));
    }
    for (const { id, answer, error } of answers) {
      const pending = this.#take(id);
      if (answer !== undefined) pending?.resolve(answer);
      else pending?.reject(error === undefined ? new Error('no answer') : errorOf(error));
    }
    if (ready !== undefined) this.#opened?.resolve(ready.reason);
    if (failed !== undefined) {
      const error = errorOf(failed);
      this.#opened?.reject(error);
      // A replacement that cannot start, for example without credentials: pending signatures fail at once.
      for (const id of [...this.#pending.keys()]) this.#take(id)?.reject(error);
      void this.#worker?.terminate();
    }
    if (wantsCredentials !== undefined) void this.#giveCredentials(wantsCredentials);
  }

  async #giveCredentials({ id, forceRefresh }: NonNullable<FromWorker['wantsCredentials']>): Promise<void> {
    const worker = this.#worker;
    let credentials: ToWorker['credentials'];
    try {
      const given = await this.#provide?.(forceRefresh ? { forceRefresh } : {});
      credentials = { id, given: given ? plainCredentials(given) : undefined };
    } catch (error) {
      credentials = { id, given: undefined, error: textOf(error) };
    }
    worker?.postMessage({ asks: [], cancels: [], credentials } satisfies ToWorker);
  }

  #cancel(id: number): void {
    const at = this.#asks.findIndex((message) => message.id === id);
    if (at >= 0) {
      this.#asks.splice(at, 1);
      this.#take(id)?.reject(new ClosedError());
      return;
    }
    // The worker rejects it after the response to the request that was sent.
    this.#cancels.push(id);
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#flushing) return;
    this.#flushing = true;
    // Posts all requests of this turn of the event loop at once: waking the other thread costs more than a request.
    setImmediate(() => {
      this.#flushing = false;
      const message: ToWorker = { asks: this.#asks, cancels: this.#cancels };
      this.#asks = [];
      this.#cancels = [];
      this.#worker?.postMessage(message);
    });
  }

  #take(id: number): Pending | undefined {
    const pending = this.#pending.get(id);
    if (pending === undefined) return undefined;
    this.#pending.delete(id);
    pending.signal?.removeEventListener('abort', pending.abort);
    pending.observer?.emitDestroy();
    if (this.#pending.size === 0) this.#worker?.unref();
    return pending;
  }

  #lost(why: string): KmsError {
    return new KmsError(
      'ERR_S2N_PKEY_KMS_THREAD',
      `Sign with ${this.#setup.keyArn} did not succeed: the thread that asks KMS is gone (${why}). It is started again for the next ` +
        'signature.',
      { operation: 'Sign', keyId: this.#setup.keyArn },
    );
  }
}

/**
 * Starts a worker thread that requests signatures by one key. A provider of credentials stays in this thread, and the worker asks
 * it. Options that are not given are found by the SDK in the worker, as they would be here.
 *
 * @param client a client with the same options.
 * @throws KmsError
 */
export async function openWorker(
  client: KMSClient,
  keyArn: string,
  { region, endpoint, credentials }: KmsClientOptions,
  { limits, fast }: { readonly limits: SigningLimits; readonly fast: boolean },
): Promise<OpenedRequests> {
  const isProvider = typeof credentials === 'function';
  const setup = {
    keyArn,
    region,
    endpoint,
    credentials: isProvider ? 'asked' : credentials === undefined ? undefined : plainCredentials(credentials),
    limits,
    fast,
  } as const;
  try {
    return await WorkerRequests.open(
      setup,
      isProvider ? (options) => client.config.credentials(options) : undefined,
    );
  } catch (cause) {
    throw explainKmsFailure(cause, { operation: 'Sign', key: keyArn });
  }
}
