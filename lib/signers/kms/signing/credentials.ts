/** What signs: an access key, with the session it belongs to if it is temporary. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

/** Credentials as the AWS SDK provides them: it knows when to renew them, and how. */
export type CredentialsProvider = (options?: { readonly forceRefresh?: boolean }) => Promise<Credentials>;

/** Milliseconds for which the SDK is not asked again. It renews credentials minutes before they expire. */
const freshFor = 1_000;

/** The credentials of the moment. Asking the SDK costs more than signing a request, so it is asked once a second. */
export class CurrentCredentials {
  readonly #provide: CredentialsProvider;
  readonly #now: () => number;
  #credentials: Credentials | undefined;
  #loadedAt = 0;
  #loading: Promise<Credentials> | undefined;

  constructor(provide: CredentialsProvider, now: () => number) {
    this.#provide = provide;
    this.#now = now;
  }

  /** If they are known; else they have to be `load`ed. */
  current(): Credentials | undefined {
    return this.#now() - this.#loadedAt < freshFor ? this.#credentials : undefined;
  }

  /** Asks the SDK; all who ask meanwhile get the same answer. */
  load(): Promise<Credentials> {
    return (this.#loading ??= this.#load(false));
  }

  /** Others than these, which KMS says have expired; the same when there are no others. */
  async renew(expired: Credentials): Promise<Credentials> {
    // Not while they are asked for anyway: the answer could be the old ones.
    await this.#loading?.catch(() => undefined);
    const known = this.#credentials;
    if (known !== undefined && !isSame(known, expired)) return known;
    return (this.#loading ??= this.#load(true));
  }

  async #load(forceRefresh: boolean): Promise<Credentials> {
    try {
      const credentials = checkCredentials(await this.#provide(forceRefresh ? { forceRefresh } : {}));
      this.#credentials = credentials;
      this.#loadedAt = this.#now();
      return credentials;
    } finally {
      this.#loading = undefined;
    }
  }
}

/** Whether two are of the same session. */
export function isSame(one: Credentials, other: Credentials): boolean {
  return one.accessKeyId === other.accessKeyId && one.sessionToken === other.sessionToken;
}

/** A header's value, of which credentials are a part. */
const headerText = /^[!-~]+$/;

/**
 * What signs of the credentials that a provider returned. An empty session token is none, as to the AWS SDK.
 *
 * @throws Error with the name that the AWS SDK gives to credentials that cannot be had; it does not show them.
 */
function checkCredentials(given: unknown): Credentials {
  const { accessKeyId, secretAccessKey, sessionToken }: { readonly [name in keyof Credentials]?: unknown } =
    typeof given === 'object' && given !== null ? given : {};
  if (typeof accessKeyId !== 'string' || !headerText.test(accessKeyId)) throw unusable('accessKeyId');
  if (typeof secretAccessKey !== 'string' || secretAccessKey === '') throw unusable('secretAccessKey');
  if (sessionToken === undefined || sessionToken === null || sessionToken === '') {
    return { accessKeyId, secretAccessKey };
  }
  if (typeof sessionToken !== 'string' || !headerText.test(sessionToken)) throw unusable('sessionToken');
  return { accessKeyId, secretAccessKey, sessionToken };
}

function unusable(member: keyof Credentials): Error {
  const error = new Error(`the credentials that were provided have no usable ${member}`);
  error.name = 'CredentialsProviderError';
  return error;
}
