import cluster, { type Worker } from 'node:cluster';
import { S2nPkeyError } from '../../errors.ts';
import {
  command,
  isMessage,
  SealedAnswer,
  sealedFor,
  type Answer,
  type Message,
  type Question,
} from './sealed-answers.ts';
import type { EpochSecret, TicketEpoch, TicketKeySource } from './ticket-key-source.ts';

type Options = Parameters<TicketKeySource['secretOf']>[1];

interface Known {
  readonly secret: Uint8Array;
  /** Milliseconds by which this machine's clock is ahead of the source's. */
  readonly ahead: number | undefined;
  end: number;
}

/**
 * A source that a whole cluster asks once for each epoch: the primary asks it, keeps the secrets for as long as tickets of them may
 * come, and gives them to the workers that ask, whenever they start.
 */
export class ClusterSecrets {
  readonly #source: TicketKeySource;
  readonly #now: () => number;
  /** In the primary: what workers have asked for, by the label. */
  readonly #known = new Map<string, Known>();
  readonly #underWay = new Map<string, Promise<Known>>();
  readonly #stopWatching: (() => void) | undefined;

  constructor(source: TicketKeySource, now: () => number) {
    this.#source = source;
    this.#now = now;
    if (source.name === undefined || !cluster.isPrimary) return;
    this.#stopWatching = source.watch?.(() => this.#forget(Infinity));
    primary.add(source.name, this);
  }

  async secretOf(epoch: TicketEpoch, options: Options): Promise<Uint8Array | EpochSecret> {
    const { name } = this.#source;
    if (name === undefined) return await this.#source.secretOf(epoch, options);
    if (cluster.isPrimary) {
      const known = this.#known.get(labelOf(epoch));
      return known ? this.#copy(known) : await this.#source.secretOf(epoch, options);
    }
    return (await worker.ask(name, epoch, options.signal)) ?? (await this.#source.secretOf(epoch, options));
  }

  /** For a worker: several that ask at once, and later, cost one request. */
  async share(epoch: TicketEpoch): Promise<EpochSecret> {
    this.#forget(this.#now() / 1000);
    const label = labelOf(epoch);
    const known = this.#known.get(label) ?? (await (this.#underWay.get(label) ?? this.#ask(label, epoch)));
    known.end = Math.max(known.end, epoch.end);
    return this.#copy(known);
  }

  close(): void {
    if (this.#source.name !== undefined) primary.delete(this.#source.name, this);
    this.#stopWatching?.();
    this.#forget(Infinity);
  }

  async #ask(label: string, epoch: TicketEpoch): Promise<Known> {
    const asked = this.#askSource(epoch);
    this.#underWay.set(label, asked);
    try {
      const known = await asked;
      this.#known.set(label, known);
      return known;
    } finally {
      this.#underWay.delete(label);
    }
  }

  async #askSource(epoch: TicketEpoch): Promise<Known> {
    const answer = await this.#source.secretOf(epoch, { signal: AbortSignal.timeout(askedAtMost) });
    const { secret, time } = ArrayBuffer.isView(answer) ? { secret: answer, time: undefined } : answer;
    return { secret, ahead: time === undefined ? undefined : this.#now() - time, end: epoch.end };
  }

  #copy({ secret, ahead }: Known): EpochSecret {
    const time = ahead === undefined ? undefined : this.#now() - ahead;
    return { secret: Uint8Array.from(secret), time };
  }

  #forget(now: number): void {
    for (const [label, { secret, end }] of this.#known) {
      if (end > now) continue;
      secret.fill(0);
      this.#known.delete(label);
    }
  }
}

/** Milliseconds that the primary waits for its source. */
const askedAtMost = 60_000;
/** Milliseconds until a worker takes it that the primary has not loaded this package. */
const patience = 3_000;

function labelOf({ label }: TicketEpoch): string {
  return Buffer.from(label).toString('base64');
}

/** In the primary: the sources that workers may ask. */
class SecretsOfPrimary {
  readonly #sources = new Map<string, ClusterSecrets[]>();
  #watches = false;

  add(name: string, source: ClusterSecrets): void {
    this.#sources.set(name, [...(this.#sources.get(name) ?? []), source]);
    this.#watch();
    for (const each of Object.values(cluster.workers ?? {})) if (each) send(each, { has: name });
  }

  delete(name: string, source: ClusterSecrets): void {
    const left = (this.#sources.get(name) ?? []).filter((each) => each !== source);
    if (left.length > 0) this.#sources.set(name, left);
    else this.#sources.delete(name);
  }

  #watch(): void {
    if (this.#watches) return;
    this.#watches = true;
    for (const each of Object.values(cluster.workers ?? {})) if (each) this.#hear(each);
    cluster.on('fork', (each) => this.#hear(each));
  }

  #hear(each: Worker): void {
    const channel: NodeJS.EventEmitter = each.process;
    channel.on('internalMessage', (message: unknown) => {
      if (isMessage(message) && message.question) void this.#answer(each, message.question);
    });
  }

  async #answer(each: Worker, question: Question): Promise<void> {
    const { number, name, begin, seconds, end, label, key } = question;
    const source = this.#sources.get(name)?.[0];
    send(each, { answer: { number, hasSource: source !== undefined } });
    if (!source) return;
    try {
      const epoch = { begin, seconds, end, label: Buffer.from(label, 'base64') };
      const { secret, time } = await source.share(epoch);
      send(each, { answer: { number, hasSource: true, sealed: sealedFor(key, secret), time } });
      secret.fill(0);
    } catch (cause) {
      const { message, code } = Object(cause) as { message?: unknown; code?: unknown };
      const error = { message: String(message ?? cause), code: typeof code === 'string' ? code : undefined };
      send(each, { answer: { number, hasSource: true, error } });
    }
  }
}

/** In a worker: asks the primary. */
class SecretsOfWorker {
  readonly #waiting = new Map<number, (answer: Answer | undefined) => void>();
  #asked = 0;
  #listens = false;
  /** Whether it did not answer, and has said nothing since. */
  #isSilent = false;

  /** Undefined where the primary has no such source, or has not loaded this package. */
  async ask(name: string, epoch: TicketEpoch, signal: AbortSignal): Promise<EpochSecret | undefined> {
    this.#listen();
    if (this.#isSilent || !process.connected) return undefined;
    const number = ++this.#asked;
    const keys = new SealedAnswer();
    const { begin, seconds, end } = epoch;
    const question = { number, name, begin, seconds, end, label: labelOf(epoch), key: keys.publicKey };
    const answer = await this.#answerTo(number, question, signal);
    if (answer?.error) {
      const { code = 'ERR_S2N_PKEY_TICKET_KEYS_UNAVAILABLE', message } = answer.error;
      throw new S2nPkeyError(code, message);
    }
    return answer?.sealed && { secret: keys.open(answer.sealed), time: answer.time };
  }

  async #answerTo(number: number, question: Question, signal: AbortSignal): Promise<Answer | undefined> {
    return await new Promise<Answer | undefined>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#isSilent = true;
        end(undefined);
      }, patience).unref();
      const fail = (): void => {
        reject(signal.reason instanceof Error ? signal.reason : new Error('the primary gave no answer'));
        end(undefined);
      };
      const end = (answer: Answer | undefined): void => {
        clearTimeout(timer);
        signal.removeEventListener('abort', fail);
        this.#waiting.delete(number);
        resolve(answer);
      };
      signal.addEventListener('abort', fail);
      this.#waiting.set(number, (answer) => {
        clearTimeout(timer);
        const isLast = !answer?.hasSource || answer.sealed !== undefined || answer.error !== undefined;
        if (isLast) end(answer);
      });
      process.send?.({ cmd: command, question } satisfies Message, undefined, undefined, ignore);
    });
  }

  #listen(): void {
    if (this.#listens) return;
    this.#listens = true;
    const channel: NodeJS.EventEmitter = process;
    channel.on('internalMessage', (message: unknown) => {
      if (!isMessage(message)) return;
      this.#isSilent = false;
      if (message.answer) this.#waiting.get(message.answer.number)?.(message.answer);
    });
    process.on('disconnect', () => {
      for (const answer of this.#waiting.values()) answer(undefined);
    });
  }
}

function send(to: Worker, message: Omit<Message, 'cmd'>): void {
  if (to.isConnected()) to.process.send({ cmd: command, ...message }, ignore);
}

function ignore(): void {
  // The other side has gone, and its end is told.
}

const primary = new SecretsOfPrimary();
const worker = new SecretsOfWorker();
