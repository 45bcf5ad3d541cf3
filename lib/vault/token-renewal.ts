import type { VaultClient } from './vault-client.ts';

/** Milliseconds of one request for renewal. */
const timeout = 10_000;
const longestTimer = 2 ** 31 - 1;

/**
 * Renews the client's token when half of its time is over, as long as the server lets it. Failures are tried again; that the token has
 * expired is what signatures tell. Does not keep the process alive.
 */
export class TokenRenewal {
  readonly #client: VaultClient;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(client: VaultClient) {
    this.#client = client;
  }

  /** Begins, when the token is one that can be renewed. Never rejects. */
  async start(): Promise<void> {
    try {
      const signal = AbortSignal.timeout(timeout);
      const { ttl, renewable } = await this.#client.ask('GET', 'auth/token/lookup-self', undefined, signal);
      if (renewable === true && typeof ttl === 'number' && ttl > 0) this.#schedule(ttl);
    } catch {
      // A policy may forbid looking.
    }
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#timer);
  }

  #schedule(ttl: number): void {
    if (this.#stopped) return;
    const delay = Math.min((ttl * 1_000) / 2, longestTimer);
    this.#timer = setTimeout(() => void this.#renew(ttl), delay);
    this.#timer.unref();
  }

  async #renew(last: number): Promise<void> {
    try {
      const signal = AbortSignal.timeout(timeout);
      const auth = await this.#client.ask('POST', 'auth/token/renew-self', {}, signal);
      const { lease_duration: ttl, renewable } = auth;
      if (renewable === true && typeof ttl === 'number' && ttl > 0) this.#schedule(ttl);
    } catch {
      // Half of what is left, until a second is.
      if (last > 2) this.#schedule(last / 2);
    }
  }
}
