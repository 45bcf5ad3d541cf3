import type { Worker } from 'node:worker_threads';
import { pendingSignature, type PendingSignature } from '../pending-signature.ts';
import { S2nPkeyError } from '../../errors.ts';
import { startWorker } from '../../programs.ts';
import type { FromWorker, KeyPlace, OpenedKey, SignRequest, ToWorker } from './messages.ts';
import { Pkcs11Error, type Pkcs11Fault } from './pkcs11-error.ts';

/** A signature that is asked for, until it is given to a worker. */
interface Job extends PendingSignature {
  readonly request: SignRequest;
}

/** At most so many sessions, each with a thread of its own; the second and later ones when they are first needed. */
export class SessionPool {
  readonly #place: KeyPlace;
  readonly #most: number;
  readonly #idle: SessionThread[] = [];
  readonly #all = new Set<SessionThread>();
  readonly #waiting = new Set<Job>();
  #closed = false;
  /** The device refused the PIN: to try it again could lock the token. */
  #refusedPin: Error | undefined;

  constructor(place: KeyPlace, most: number) {
    this.#place = place;
    this.#most = most;
  }

  /** The first session. */
  async open(): Promise<OpenedKey> {
    const thread = this.#start();
    const reply = await thread.ask({ type: 'open' });
    if (reply.type !== 'opened') throw this.#failureOf(reply);
    this.#idle.push(thread);
    return reply.key;
  }

  sign(request: SignRequest, signal: AbortSignal): Promise<Uint8Array> {
    if (this.#refusedPin !== undefined) return Promise.reject(this.#refusedPin);
    let job: Job;
    const start = (pending: PendingSignature): void => {
      job = { request, ...pending };
      this.#waiting.add(job);
      this.#next();
    };
    return pendingSignature(signal, start, () => {
      this.#waiting.delete(job); // One that a device is at cannot be called back.
      return true;
    });
  }

  close(reason: Error): void {
    this.#closed = true;
    for (const job of this.#waiting) job.reject(reason);
    this.#waiting.clear();
    for (const thread of this.#all) thread.end(reason);
  }

  #next(): void {
    for (const job of this.#waiting) {
      const thread = this.#idle.pop() ?? (this.#all.size < this.#most ? this.#start() : undefined);
      if (thread === undefined) return;
      this.#waiting.delete(job);
      void this.#do(job, thread);
    }
  }

  async #do(job: Job, thread: SessionThread): Promise<void> {
    try {
      if (!thread.opened) {
        const reply = await thread.ask({ type: 'open' });
        if (reply.type !== 'opened') {
          thread.end(new Pkcs11Error('SESSION', 'the session could not be opened'));
          throw this.#failureOf(reply);
        }
      }
      const reply = await thread.ask({ type: 'sign', request: job.request });
      if (reply.type !== 'signed') throw this.#failureOf(reply);
      job.resolve(reply.signature);
    } catch (error) {
      job.reject(error instanceof Error ? error : new Error(String(error)));
    } finally {
      if (!thread.ended) this.#idle.push(thread);
      if (!this.#closed) this.#next();
    }
  }

  #start(): SessionThread {
    const thread = new SessionThread(this.#place, () => {
      this.#all.delete(thread);
      const index = this.#idle.indexOf(thread);
      if (index >= 0) this.#idle.splice(index, 1);
    });
    this.#all.add(thread);
    return thread;
  }

  #failureOf(reply: FromWorker): Error {
    if (reply.type !== 'failed') return new TypeError(`unexpected ${reply.type}`);
    const { code, message, returned, operation } = reply;
    if (code !== undefined) return new S2nPkeyError(code, message);
    const error = new Pkcs11Error((reply.fault ?? 'FAILED') as Pkcs11Fault, message, { returned, operation });
    if (reply.fault === 'PIN') this.#refusedPin = error;
    return error;
  }
}

/** A question that a worker is at. */
interface Asking {
  readonly resolve: (reply: FromWorker) => void;
  readonly reject: (error: Error) => void;
}

/** A worker; one question at a time. */
class SessionThread {
  readonly #worker: Worker;
  #asked: Asking | undefined;
  opened = false;
  ended = false;

  constructor(place: KeyPlace, gone: () => void) {
    this.#worker = startSession(place);
    this.#worker.on('message', (reply: FromWorker) => {
      if (reply.type === 'opened') this.opened = true;
      this.#settle()?.resolve(reply);
    });
    const lost = (cause: unknown): void => {
      this.ended = true;
      gone();
      this.#settle()?.reject(
        new Pkcs11Error('SESSION', 'the thread of a PKCS#11 session has ended', { cause }),
      );
    };
    this.#worker.on('error', lost);
    this.#worker.on('exit', lost);
  }

  ask(message: ToWorker): Promise<FromWorker> {
    return new Promise((resolve, reject) => {
      if (this.ended) {
        reject(new Pkcs11Error('SESSION', 'the thread of a PKCS#11 session has ended'));
        return;
      }
      this.#asked = { resolve, reject };
      this.#worker.ref(); // The process stays for signatures under way, and for nothing else.
      this.#worker.postMessage(message);
    });
  }

  end(reason: Error): void {
    this.ended = true;
    this.#settle()?.reject(reason);
    this.#worker.postMessage({ type: 'close' } satisfies ToWorker);
  }

  #settle(): Asking | undefined {
    const asked = this.#asked;
    this.#asked = undefined;
    this.#worker.unref();
    return asked;
  }
}

function startSession(place: KeyPlace): Worker {
  const worker = startWorker(import.meta.url, 'session-worker', {
    workerData: place,
    name: 's2n-pkey pkcs11',
  });
  worker.unref();
  return worker;
}
