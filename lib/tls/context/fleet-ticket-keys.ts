import { EventEmitter } from 'node:events';
import { S2nPkeyError } from '../../errors.ts';
import { flag, wholeNumber } from '../../options/kinds.ts';
import { readOptionsObject, type SchemaOf } from '../../options/option.ts';
import { ClusterSecrets } from './cluster-secrets.ts';
import { EpochSecrets } from './epoch-secrets.ts';
import { FleetKeysOfServer } from './fleet-keys-of-server.ts';
import type { TicketKeySource } from './ticket-key-source.ts';
import { turnOf, type TicketKeys } from './ticket-keys.ts';

const HOUR = 3_600_000;

export interface FleetTicketKeysOptions {
  /** Another one makes all tickets of before worthless, on all machines that have it. Default: 0. */
  readonly generation?: number;
  /**
   * Milliseconds that keys are there ahead of their time: for so long the source may be away, and keys of so much time are in memory.
   * Default: 86,400,000, which is a day.
   */
  readonly reach?: number;
  /** Milliseconds that the source may take for a secret. Default: 5,000. */
  readonly timeout?: number;
  /**
   * Whether TLS 1.2 has tickets, too. Whoever has the source's secrets can then read recorded TLS 1.2 sessions of clients that resumed.
   * Default: false.
   */
  readonly tls12?: boolean;
}

export const fleetSchema = {
  tls12: flag(false),
  generation: wholeNumber({ least: 0, most: 4_294_967_295, fallback: 0 }),
  reach: wholeNumber({ least: 0, most: 28 * HOUR, fallback: 24 * HOUR, of: 'milliseconds' }),
  timeout: wholeNumber({ least: 1, most: 60_000, fallback: 5_000, of: 'milliseconds' }),
} satisfies SchemaOf<FleetTicketKeysOptions>;

/** The time, and a timer: tests move both. */
export interface TicketClock {
  /** In milliseconds since 1970. */
  now(): number;
  /** Calls `run` once, after `delay` milliseconds; returns what cancels it. Does not keep the process alive. */
  after(delay: number, run: () => void): () => void;
  /** At least 0, less than 1. */
  random(): number;
}

const machineClock: TicketClock = {
  now: () => Date.now(),
  after(delay, run) {
    const timer = setTimeout(run, delay).unref();
    return () => clearTimeout(timer);
  },
  random: Math.random,
};

/** Where the ticket keys of a fleet stand. */
export interface FleetTicketKeysState {
  /** Until when tickets are encrypted with the fleet's keys if the source stays away; undefined where they are not now. */
  readonly heldUntil: Date | undefined;
  readonly lastSuccess: Date | undefined;
  /** What happened since the last success. */
  readonly lastError: Error | undefined;
  /** Milliseconds by which this machine's clock is ahead of the source's; undefined unless the source tells the time. */
  readonly clockAhead: number | undefined;
}

/** Milliseconds of difference from the source's clock from which on sessions suffer, so that a warning is due. */
const WORTH_A_WARNING = 60_000;
/** Milliseconds of difference from which on s2n-tls refuses other machines' tickets (s2n_resume.c), and ours would be refused there. */
const TOO_FAR = 3_600_000;
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 300_000;

/** Those that servers use, for as long as somebody else keeps them. */
const used = new Set<WeakRef<FleetTicketKeys>>();

/** Where the ticket keys of this process's servers stand. */
export function fleetStates(): FleetTicketKeysState[] {
  const states: FleetTicketKeysState[] = [];
  for (const reference of used) {
    const fleet = reference.deref();
    if (fleet) states.push(fleet.state);
    else used.delete(reference);
  }
  return states;
}

/** What `FleetTicketKeys` emits. */
export interface FleetTicketKeysEvents {
  /** The fleet's keys encrypt tickets from now on. */
  available: [];
  /** A secret could not be had. Tickets go on with the keys that are there, in the end with this process's own. */
  unavailable: [error: S2nPkeyError];
}

/**
 * Ticket keys that all machines of a fleet derive from one source and the clock, without talking to each other. The key of an
 * epoch encrypts while the epoch lasts, and decrypts from a day before until the last of its tickets has expired. Nothing here
 * fails a handshake or delays a server: without the source, its own keys encrypt.
 */
export class FleetTicketKeys extends EventEmitter<FleetTicketKeysEvents> {
  /** @internal */
  readonly tls12: boolean;
  readonly #source: ClusterSecrets;
  readonly #generation: number;
  readonly #reach: number;
  readonly #timeout: number;
  readonly #clock: TicketClock;
  readonly #secrets = new Map<number, EpochSecrets>();
  readonly #closed = new AbortController();
  readonly #stopWatching: (() => void) | undefined;
  #cancel: () => void = () => undefined;
  #isAsking = false;
  #failures = 0;
  #hasWarnedOfClock = false;
  #lastSuccess: number | undefined;
  #lastError: S2nPkeyError | undefined;
  #clockAhead: number | undefined;
  #version = 0;
  readonly #self = new WeakRef(this);

  /** @param clock for tests. @throws InvalidOptionError */
  constructor(source: TicketKeySource, options: FleetTicketKeysOptions = {}, clock = machineClock) {
    super();
    const read = readOptionsObject(fleetSchema, options, 'an object such as { generation: 1 }');
    this.tls12 = read.tls12;
    this.#source = new ClusterSecrets(source, () => clock.now());
    this.#stopWatching = source.watch?.(() => this.#askAgain());
    this.#generation = read.generation;
    this.#reach = read.reach / 1000;
    this.#timeout = read.timeout;
    this.#clock = clock;
  }

  /** Changes when what servers have from here does. @internal */
  get version(): number {
    return this.#version;
  }

  get state(): FleetTicketKeysState {
    const now = this.#seconds();
    const held = [...this.#secrets.values()].map((secrets) => secrets.heldUntil(now));
    const until = held.length === 0 ? now : Math.min(...held);
    return {
      heldUntil: until > now && !this.isAdrift ? new Date(until * 1000) : undefined,
      lastSuccess: this.#lastSuccess === undefined ? undefined : new Date(this.#lastSuccess),
      lastError: this.#lastError,
      clockAhead: this.#clockAhead,
    };
  }

  /** Whether the clock is so far off that other machines refuse what this one encrypts. @internal */
  get isAdrift(): boolean {
    return this.#clockAhead !== undefined && Math.abs(this.#clockAhead) > TOO_FAR;
  }

  /** The keys for a server whose sessions last so long. @internal */
  keysFor(sessionSeconds: number): TicketKeys {
    const turn = turnOf(sessionSeconds);
    let secrets = this.#secrets.get(sessionSeconds);
    if (!secrets) {
      secrets = new EpochSecrets(turn, sessionSeconds, this.#reach);
      if (this.#secrets.size === 0) used.add(this.#self);
      this.#secrets.set(sessionSeconds, secrets);
      this.#wake();
    }
    return new FleetKeysOfServer(this, secrets, sessionSeconds);
  }

  /** Asks no more. Servers go on with the keys that they have, and with their own after that. */
  close(): void {
    this.#closed.abort();
    used.delete(this.#self);
    this.#cancel();
    this.#stopWatching?.();
    this.#source.close();
  }

  #askAgain(): void {
    for (const secrets of this.#secrets.values()) secrets.askAgain();
    if (this.#secrets.size > 0) this.#wake();
  }

  #wake(): void {
    this.#cancel();
    void this.#ask();
  }

  async #ask(): Promise<void> {
    if (this.#isAsking || this.#closed.signal.aborted) return;
    this.#isAsking = true;
    try {
      for (let next = this.#mostUrgent(); next; next = this.#mostUrgent()) await this.#askFor(...next);
      this.#succeeded();
    } catch (error) {
      this.#failed(error);
    } finally {
      this.#isAsking = false;
      this.#schedule();
    }
  }

  /** Over all servers: first what encrypts now. */
  #mostUrgent(): readonly [EpochSecrets, number] | undefined {
    const now = this.#seconds();
    const missing = [...this.#secrets.values()].map((secrets) => [secrets, secrets.missing(now)] as const);
    const [found] = missing
      .filter(([, epochs]) => epochs.length > 0)
      .sort(([a, [x = 0]], [b, [y = 0]]) => Math.abs(x * a.turn - now) - Math.abs(y * b.turn - now));
    const [epoch] = found?.[1] ?? [];
    return found && epoch !== undefined ? [found[0], epoch] : undefined;
  }

  async #askFor(secrets: EpochSecrets, epoch: number): Promise<void> {
    const begin = epoch * secrets.turn;
    const label = Buffer.from(`s2n-pkey ticket keys 1\n${this.#generation}\n${secrets.turn}\n${epoch}`);
    const signal = AbortSignal.any([this.#closed.signal, AbortSignal.timeout(this.#timeout)]);
    const asked = { begin, seconds: secrets.turn, end: secrets.endOf(epoch), label };
    const answer = await this.#source.secretOf(asked, { signal });
    const { secret, time } = ArrayBuffer.isView(answer) ? { secret: answer, time: undefined } : answer;
    if (!ArrayBuffer.isView(secret) || secret.byteLength < 32) {
      throw new TypeError('the source of ticket keys gave no secret of at least 32 bytes');
    }
    const wasHeld = secrets.has(this.#seconds());
    const isNew = secrets.add(epoch, secret);
    secret.fill(0);
    if (isNew) this.#version++;
    if (time !== undefined) this.#compareClocks(time);
    if (!wasHeld && secrets.has(this.#seconds())) this.emit('available');
  }

  #compareClocks(time: number): void {
    // The source tells the time in whole seconds at best: halves of one are not worth a word.
    this.#clockAhead = Math.round((this.#clock.now() - time) / 1000) * 1000;
    const isOff = Math.abs(this.#clockAhead) > WORTH_A_WARNING;
    if (isOff && !this.#hasWarnedOfClock) {
      const seconds = this.#clockAhead / 1000;
      process.emitWarning(
        `The clock of this machine is ${Math.abs(seconds)} s ${seconds > 0 ? 'ahead of' : 'behind'} that of the ticket keys' source. ` +
          'Clients that return to another machine may need a full handshake: synchronize the clock.',
        { code: 'S2N_PKEY_TICKET_KEYS_CLOCK' },
      );
    }
    this.#hasWarnedOfClock = isOff;
  }

  #succeeded(): void {
    this.#lastSuccess = this.#clock.now();
    this.#lastError = undefined;
    this.#failures = 0;
  }

  #failed(cause: unknown): void {
    if (this.#closed.signal.aborted) return;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const error = new S2nPkeyError(
      'ERR_S2N_PKEY_TICKET_KEYS_UNAVAILABLE',
      `the secrets of the fleet's ticket keys cannot be had; clients that return may need full handshakes: ${reason}`,
      { cause },
    );
    const isFirst = this.#failures++ === 0;
    this.#lastError = error;
    if (this.listenerCount('unavailable') > 0) this.emit('unavailable', error);
    else if (isFirst) process.emitWarning(error.message, { code: error.code });
  }

  /** At the end of each epoch what is over is forgotten. Then each machine asks, at a moment of its own. */
  #schedule(): void {
    if (this.#closed.signal.aborted) return;
    if (this.#failures > 0) {
      const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (this.#failures - 1));
      this.#cancel = this.#clock.after(pause * (0.5 + this.#clock.random() / 2), () => this.#forgetAndAsk());
      return;
    }
    const now = this.#clock.now();
    const all = [...this.#secrets.values()];
    const next = Math.min(...all.map((secrets) => secrets.nextEpoch(this.#seconds())));
    const shortest = Math.min(...all.map(({ turn }) => turn));
    this.#cancel = this.#clock.after(next * 1000 - now, () => {
      this.#forget();
      const pause = shortest * 500 * this.#clock.random();
      this.#cancel = this.#clock.after(pause, () => this.#forgetAndAsk());
    });
  }

  #forgetAndAsk(): void {
    this.#forget();
    void this.#ask();
  }

  #forget(): void {
    const now = this.#seconds();
    for (const secrets of this.#secrets.values()) if (secrets.forget(now)) this.#version++;
  }

  #seconds(): number {
    return Math.floor(this.#clock.now() / 1000);
  }
}
