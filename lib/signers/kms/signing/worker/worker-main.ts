/** The program of the worker thread that requests signatures from KMS. `WorkerRequests` starts it. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe } from 'node:diagnostics_channel';
import { parentPort, workerData, type MessagePort } from 'node:worker_threads';
import { createHandshakeClient } from '../../client/kms-client.ts';
import { kmsAttemptChannel } from '../../../../observe/channels/channels.ts';
import type { KmsAttemptMessage } from '../../../../observe/channels/handshake-messages.ts';
import { openRequests } from '../open-requests.ts';
import type { SignRequests } from '../sign-requests.ts';
import {
  errorOf,
  textOf,
  type AnswerMessage,
  type AskMessage,
  type FromWorker,
  type PlainCredentials,
  type ToWorker,
  type WorkerSetup,
} from './messages.ts';

class SigningWorker {
  readonly #port: MessagePort;
  readonly #under = new Map<number, AbortController>();
  readonly #signature = new AsyncLocalStorage<number>();
  readonly #waiting = new Map<number, (message: NonNullable<ToWorker['credentials']>) => void>();
  #requests: SignRequests | undefined;
  #extraRequests = 0;
  #throttles = 0;
  readonly #early: AskMessage[] = [];
  readonly #answers: AnswerMessage[] = [];
  readonly #attempts: FromWorker['attempts'][number][] = [];
  #flushing = false;
  #observing = false;
  #lastAsk = 0;

  constructor(port: MessagePort) {
    this.#port = port;
    port.on('message', (message: ToWorker) => {
      for (const ask of message.asks) this.#sign(ask);
      for (const id of message.cancels) this.#under.get(id)?.abort();
      if (message.credentials !== undefined) this.#waiting.get(message.credentials.id)?.(message.credentials);
    });
  }

  async open({ keyArn, region, endpoint, credentials, limits, fast }: WorkerSetup): Promise<void> {
    const client = createHandshakeClient({
      ...(region === undefined ? {} : { region }),
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(credentials === undefined
        ? {}
        : { credentials: credentials === 'asked' ? this.#provide : credentials }),
    });
    const { requests, reason } = await openRequests(client, keyArn, limits, { isOwn: true, fast });
    this.#requests = requests;
    requests.onExtraRequest = (): void => {
      this.#extraRequests++;
    };
    requests.onThrottle = (): void => {
      this.#throttles++;
    };
    this.#post({ answers: [], attempts: [], ready: { reason } });
    for (const ask of this.#early.splice(0)) this.#sign(ask);
  }

  fail(error: unknown): void {
    this.#post({ answers: [], attempts: [], failed: textOf(error) });
  }

  #sign(message: AskMessage): void {
    const requests = this.#requests;
    if (requests === undefined) {
      this.#early.push(message);
      return;
    }
    const { id, ask, isObserved } = message;
    const abort = new AbortController();
    this.#under.set(id, abort);
    if (isObserved) this.#observe();
    const signed = isObserved
      ? this.#signature.run(id, () => requests.sign(ask, abort.signal))
      : requests.sign(ask, abort.signal);
    signed.then(
      (answer) => {
        this.#answer({ id, answer, error: undefined });
      },
      (error: unknown) => {
        this.#answer({ id, answer: undefined, error: textOf(error) });
      },
    );
  }

  #observe(): void {
    if (this.#observing) return;
    this.#observing = true;
    subscribe(kmsAttemptChannel.name, (attempt) => {
      const id = this.#signature.getStore();
      if (id !== undefined) this.#attempts.push({ id, attempt: attempt as KmsAttemptMessage });
    });
  }

  #answer(message: AnswerMessage): void {
    this.#under.delete(message.id);
    this.#answers.push(message);
    if (this.#flushing) return;
    this.#flushing = true;
    // Posts all answers of this turn of the event loop at once: waking the other thread costs more than an answer.
    setImmediate(() => {
      this.#flushing = false;
      const counts = { extraRequests: this.#extraRequests, throttles: this.#throttles };
      this.#extraRequests = this.#throttles = 0;
      this.#post({ answers: this.#answers.splice(0), attempts: this.#attempts.splice(0), ...counts });
    });
  }

  readonly #provide = async (options?: { readonly forceRefresh?: boolean }): Promise<PlainCredentials> => {
    const id = ++this.#lastAsk;
    const forceRefresh = options?.forceRefresh === true;
    const answered = new Promise<NonNullable<ToWorker['credentials']>>((resolve) =>
      this.#waiting.set(id, resolve),
    );
    this.#post({ answers: [], attempts: [], wantsCredentials: { id, forceRefresh } });
    const { given, error } = await answered;
    this.#waiting.delete(id);
    if (given === undefined) throw error === undefined ? new Error('no credentials') : errorOf(error);
    return given;
  };

  #post(message: FromWorker): void {
    this.#port.postMessage(message);
  }
}

if (parentPort !== null) {
  const thread = new SigningWorker(parentPort);
  thread.open(workerData as WorkerSetup).catch((error: unknown) => {
    thread.fail(error);
  });
}
