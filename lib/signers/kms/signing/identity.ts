import type { Credentials } from './sigv4.ts';

/** Credentials as the AWS SDK provides them: it knows when to renew them, and how. */
export type CredentialsProvider = (options?: { readonly forceRefresh?: boolean }) => Promise<Credentials>;

/** Milliseconds for which the SDK is not asked again. It renews credentials minutes before they expire. */
const freshFor = 1_000;

/** The credentials of the moment. Asking the SDK costs more than signing a request, so it is asked once a second. */
export class Identity {
  readonly #provide: CredentialsProvider;
  readonly #now: () => number;
  #credentials: Credentials | undefined;
  #asked = 0;
  #asking: Promise<Credentials> | undefined;

  constructor(provide: CredentialsProvider, now: () => number) {
    this.#provide = provide;
    this.#now = now;
  }

  /** If they are known; else they have to be `load`ed. */
  current(): Credentials | undefined {
    return this.#now() - this.#asked < freshFor ? this.#credentials : undefined;
  }

  /** Asks the SDK; all who ask meanwhile get the same answer. */
  load(): Promise<Credentials> {
    return (this.#asking ??= this.#ask(false));
  }

  /** Others than these, which KMS says have expired; the same when there are no others. */
  async renew(expired: Credentials): Promise<Credentials> {
    // Not while they are asked for anyway: the answer could be the old ones.
    await this.#asking?.catch(() => undefined);
    const known = this.#credentials;
    if (known !== undefined && !isSame(known, expired)) return known;
    return (this.#asking ??= this.#ask(true));
  }

  async #ask(forceRefresh: boolean): Promise<Credentials> {
    try {
      const credentials = await this.#provide(forceRefresh ? { forceRefresh } : {});
      this.#credentials = credentials;
      this.#asked = this.#now();
      return credentials;
    } finally {
      this.#asking = undefined;
    }
  }
}

/** Whether two are of the same session. */
export function isSame(one: Credentials, other: Credentials): boolean {
  return one.accessKeyId === other.accessKeyId && one.sessionToken === other.sessionToken;
}
