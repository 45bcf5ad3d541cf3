import { VaultError } from './vault-error.ts';
import type { VaultClient } from './vault-client.ts';

/** Milliseconds of one request. */
const timeout = 10_000;
const longestTimer = 2 ** 31 - 1;
/** Milliseconds after a failed request until the next, at most; doubled with each, up to the longest. */
const firstRetry = 1_000;
const longestRetry = 60_000;

/** Calls `act` once after `milliseconds`, unless what is returned is called before. */
export type RenewalTimer = (milliseconds: number, act: () => void) => () => void;

const systemTimer: RenewalTimer = (milliseconds, act) => {
  const timer = setTimeout(act, milliseconds).unref();
  return () => {
    clearTimeout(timer);
  };
};

/**
 * Renews the client's token when half of its time is over, as long as the server lets it. Failures are tried again; that the token has
 * expired is what signatures tell. Does not keep the process alive.
 */
export class TokenRenewal {
  readonly #client: VaultClient;
  readonly #after: RenewalTimer;
  #cancel: (() => void) | undefined;
  #failures = 0;
  #renewable = false;
  #stopped = false;

  constructor(client: VaultClient, after: RenewalTimer = systemTimer) {
    this.#client = client;
    this.#after = after;
  }

  /** Begins, when the token is one that can be renewed. Never rejects. */
  async start(): Promise<void> {
    try {
      const signal = AbortSignal.timeout(timeout);
      this.#succeeded(await this.#client.ask('GET', 'auth/token/lookup-self', undefined, signal), 'ttl');
    } catch (error) {
      // A policy may forbid looking, and a token that may not look may still renew itself, which tells its time.
      if (isRefusal(error)) await this.#renew();
      else this.#again(() => this.start());
    }
  }

  stop(): void {
    this.#stopped = true;
    this.#cancel?.();
  }

  async #renew(): Promise<void> {
    if (this.#stopped) return;
    try {
      const signal = AbortSignal.timeout(timeout);
      this.#succeeded(await this.#client.ask('POST', 'auth/token/renew-self', {}, signal), 'lease_duration');
    } catch (error) {
      // A token that may not be renewed stays so; one that could be before may be unknown to a standby for a moment.
      if (this.#renewable || !isRefusal(error)) this.#again(() => this.#renew());
    }
  }

  /** Half of its time is left when it is renewed: enough for many tries. */
  #succeeded(answer: Readonly<Record<string, unknown>>, time: 'ttl' | 'lease_duration'): void {
    this.#failures = 0;
    const { [time]: seconds, renewable } = answer;
    if (renewable !== true || typeof seconds !== 'number' || seconds <= 0) return;
    this.#renewable = true;
    this.#schedule(Math.min((seconds * 1_000) / 2, longestTimer), () => this.#renew());
  }

  #again(act: () => Promise<void>): void {
    const most = Math.min(firstRetry * 2 ** this.#failures++, longestRetry);
    this.#schedule(most * (0.5 + 0.5 * Math.random()), act);
  }

  #schedule(delay: number, act: () => Promise<void>): void {
    if (this.#stopped) return;
    this.#cancel = this.#after(delay, () => void act());
  }
}

/** Whether the server said no: anything else may pass. */
function isRefusal(error: unknown): boolean {
  if (!(error instanceof VaultError)) return false;
  const { status } = error;
  return status !== undefined && status >= 400 && status < 500 && status !== 412 && status !== 429;
}
