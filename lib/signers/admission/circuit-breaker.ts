import { SignerError } from '../../errors.ts';
import { breakerChannel } from '../../observe/channels/channels.ts';
import type { BreakerMessage } from '../../observe/channels/operation-messages.ts';
import { outcomeOf } from '../../observe/channels/outcome.ts';
import { fraction, group, required } from '../../options/kinds.ts';
import { readOption, type Option, type SchemaOf } from '../../options/option.ts';

/** How a CircuitBreaker waits. */
export interface CircuitBreakerOptions {
  /** Milliseconds from the failure that opened it until one signature is tried; doubled each time that fails. 1,000 unless given. */
  readonly pause?: number;
  /** Milliseconds that the pause grows to; 60,000 unless given. */
  readonly longestPause?: number;
}

function pauseOf(least: number): Option<number | undefined> {
  const option = fraction({ least, of: 'milliseconds' });
  return { ...option, fits: (value) => option.fits(value) && value !== Infinity };
}

export const circuitBreakerSchema = {
  pause: { ...pauseOf(1), fallback: 1_000 } as Option<number>,
  longestPause: { ...pauseOf(1), fallback: 60_000 },
} satisfies SchemaOf<CircuitBreakerOptions>;

const circuitBreakerOption = group(circuitBreakerSchema, 'options such as { pause: 1000 }, or false');

/** A signature was not asked for, since the last one failed in a way that does not pass by itself. `cause` says how that was. */
export class CircuitOpenError extends SignerError {
  /** Milliseconds until one signature will be tried. 0: one is being tried. */
  readonly retryAfter: number;

  constructor(cause: Error, retryAfter: number) {
    super(
      'no signature is asked for, since the last one failed in a way that does not pass by itself; ' +
        (retryAfter > 0 ? `one will be tried in ${Math.ceil(retryAfter)} ms` : 'one is being tried') +
        `. The failure: ${cause.message}`,
      { code: 'ERR_S2N_PKEY_SIGNER_CIRCUIT_OPEN', cause },
    );
    this.retryAfter = retryAfter;
  }
}

/** Failures of KMS that stay until somebody does something: the key's state, a policy. What passes by itself is not among them. */
const lasting: ReadonlySet<string> = new Set([
  'ERR_S2N_PKEY_KMS_ACCESS_DENIED',
  'ERR_S2N_PKEY_KMS_KEY_DISABLED',
  'ERR_S2N_PKEY_KMS_KEY_PENDING_DELETION',
  'ERR_S2N_PKEY_KMS_KEY_USAGE',
  'ERR_S2N_PKEY_KMS_NOT_FOUND',
]);

/** Whether a failure will not pass by itself. */
export function isLasting(error: Error): boolean {
  return error instanceof SignerError && lasting.has(error.code);
}

/** What became of what was asked for last, as far as the breaker goes. */
type State =
  | { readonly name: 'closed' }
  | { readonly name: 'open'; readonly cause: Error; readonly pause: number; readonly until: number }
  | { readonly name: 'probing'; readonly cause: Error; readonly pause: number };

const closed: State = { name: 'closed' };

/**
 * Stands before a service that may fail for long. The first failure that `opens` opens it: from then on everything is refused at
 * once, without asking. After a pause one request goes through, for real: if it is answered all is as before, and if it fails likewise
 * the pause doubles.
 */
export class CircuitBreaker {
  readonly #pause: number;
  readonly #longestPause: number;
  readonly #opens: (error: Error) => boolean;
  readonly #now: () => number;
  #state: State = closed;
  /** The key that it stands before, for whoever watches. */
  key: string | undefined;

  /**
   * @param now the time in milliseconds, from any moment on.
   * @throws InvalidOptionError for `circuitBreaker.pause` or `.longestPause`
   */
  constructor(
    options: CircuitBreakerOptions = {},
    opens: (error: Error) => boolean = isLasting,
    now: () => number = () => performance.now(),
  ) {
    const { pause } = readOption('circuitBreaker', required(circuitBreakerOption), options);
    const longest = { ...pauseOf(pause), fallback: Math.max(60_000, pause) } as Option<number>;
    this.#pause = pause;
    this.#longestPause = readOption('circuitBreaker.longestPause', longest, options.longestPause);
    this.#opens = opens;
    this.#now = now;
  }

  /** `'open'`: refusing; `'probing'`: one request is under way, others are refused. */
  get state(): 'closed' | 'open' | 'probing' {
    return this.#state.name;
  }

  /** What opened it; undefined while it is closed. */
  get failure(): Error | undefined {
    const state = this.#state;
    return state.name === 'closed' ? undefined : state.cause;
  }

  /** Whether a request would go through now. */
  get admits(): boolean {
    const state = this.#state;
    return state.name === 'closed' || (state.name === 'open' && this.#now() >= state.until);
  }

  /**
   * Does `work`, which is not called while it is open.
   *
   * @throws CircuitOpenError; what `work` rejects with.
   */
  async run<T>(work: () => Promise<T>): Promise<T> {
    const before = this.#state;
    if (before.name === 'closed') {
      try {
        return await work();
      } catch (error) {
        // Whatever was under way when it opened has nothing to add.
        if (this.#state === closed && error instanceof Error && this.#opens(error)) {
          this.#open(error, this.#pause);
          this.#publish('open', error, this.#pause);
        }
        throw error;
      }
    }
    const { cause, pause } = before;
    const left = before.name === 'open' ? before.until - this.#now() : 0;
    if (before.name === 'probing' || left > 0) throw new CircuitOpenError(cause, Math.max(0, left));
    this.#state = { name: 'probing', cause, pause };
    try {
      const result = await work();
      this.#state = closed;
      this.#publish('closed', cause, 0);
      return result;
    } catch (error) {
      if (error instanceof Error && this.#opens(error)) {
        this.#open(error, Math.min(pause * 2, this.#longestPause));
      } else {
        // It says nothing about the failure before: throttled, or a client that went. The next one tries.
        this.#state = { name: 'open', cause, pause, until: 0 };
      }
      throw error;
    }
  }

  #publish(state: BreakerMessage['state'], error: Error, pauseMs: number): void {
    if (!breakerChannel.hasSubscribers) return;
    const outcome = outcomeOf(error);
    breakerChannel.publish({ state, key: this.key, outcome, error, pauseMs } satisfies BreakerMessage);
  }

  #open(cause: Error, pause: number): void {
    this.#state = { name: 'open', cause, pause, until: this.#now() + pause };
  }
}

/**
 * Reads the option `circuitBreaker` of a signer.
 *
 * @throws InvalidOptionError
 */
export function readCircuitBreaker(
  given: CircuitBreakerOptions | false | undefined,
): CircuitBreaker | undefined {
  return given === false ? undefined : new CircuitBreaker(given);
}
