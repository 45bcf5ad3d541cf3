import { createHmac, hash } from 'node:crypto';
import type { HttpRequest } from './transport.ts';

/** An access key, with its session token if it is temporary. */
export interface Credentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string | undefined;
}

/** A provider of the AWS SDK, which knows when and how to renew credentials. */
export type CredentialsProvider = (options?: { readonly forceRefresh?: boolean }) => Promise<Credentials>;

/** Milliseconds for which credentials are reused. The SDK renews them minutes before they expire. */
const freshFor = 1_000;

/** The current credentials. Asking the SDK costs more than signing a request, so it is asked once a second. */
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

  /** Undefined if they must be loaded. */
  current(): Credentials | undefined {
    return this.#now() - this.#loadedAt < freshFor ? this.#credentials : undefined;
  }

  /** Asks the SDK. Concurrent calls share one answer. */
  load(): Promise<Credentials> {
    return (this.#loading ??= this.#load(false));
  }

  /** Replaces credentials that KMS reports as expired. Resolves with the same ones if there are no others. */
  async renew(expired: Credentials): Promise<Credentials> {
    // A load that is under way may return the old ones.
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

/** Whether both belong to the same session. */
export function isSame(one: Credentials, other: Credentials): boolean {
  return one.accessKeyId === other.accessKeyId && one.sessionToken === other.sessionToken;
}

/** Characters that a header's value may contain, because credentials become part of one. */
const headerText = /^[!-~]+$/;

/**
 * Copies the members that are used for signing. An empty session token counts as none, as in the AWS SDK.
 *
 * @throws Error with the AWS SDK's name for missing credentials. It never contains their values.
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

/** The constant parts of a request. Header values must be exactly as sent, without white space around them. */
export interface SigningScope {
  readonly region: string;
  /** As in the credential scope: `kms`. */
  readonly service: string;
  /** The header Host. */
  readonly host: string;
  /** The header X-Amz-Target. */
  readonly target: string;
  readonly contentType: string;
  /** The header User-Agent, which is not signed. */
  readonly userAgent: string;
}

/** What all requests of one second share, under the same credentials. */
interface Prepared {
  readonly second: number;
  readonly credentials: Credentials;
  readonly canonicalStart: string;
  readonly toSignStart: string;
  /** Names and values in turn, without `authorization`. */
  readonly headers: readonly string[];
  readonly authorizationStart: string;
  readonly key: Buffer;
}

const algorithm = 'AWS4-HMAC-SHA256';

/**
 * Signs `POST /` requests to one service with AWS Signature Version 4
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html). The shared parts are
 * computed once a second, and the derived key once a day for each credential. Each request then costs three hashes.
 */
export class SigV4 {
  readonly #scope: SigningScope;
  #prepared: Prepared | undefined;

  constructor(scope: SigningScope) {
    this.#scope = scope;
  }

  /**
   * Returns the signed request.
   *
   * @param now Epoch milliseconds by the server's clock.
   */
  request(body: string, credentials: Credentials, now: number): HttpRequest {
    const second = Math.floor(now / 1000);
    let prepared = this.#prepared;
    if (prepared?.second !== second || !same(prepared.credentials, credentials)) {
      prepared = this.#prepare(second, credentials);
      this.#prepared = prepared;
    }
    const canonical = hash('sha256', prepared.canonicalStart + hash('sha256', body));
    const signature = createHmac('sha256', prepared.key).update(prepared.toSignStart + canonical);
    const authorization = prepared.authorizationStart + signature.digest('hex');
    return { headers: [...prepared.headers, 'authorization', authorization], body };
  }

  #prepare(second: number, credentials: Credentials): Prepared {
    const { region, service, host, target, contentType, userAgent } = this.#scope;
    const { accessKeyId, sessionToken } = credentials;
    const date = new Date(second * 1000).toISOString().replace(/[-:]|\.\d{3}/g, '');
    const day = date.slice(0, 8);
    const scope = `${day}/${region}/${service}/aws4_request`;
    const headers: [name: string, value: string][] = [
      ['content-type', contentType],
      ['host', host],
      ['x-amz-date', date],
      ...(sessionToken === undefined ? [] : [['x-amz-security-token', sessionToken] as [string, string]]),
      ['x-amz-target', target],
    ];
    const names = headers.map(([name]) => name).join(';');
    const lines = headers.map(([name, value]) => `${name}:${value}\n`).join('');
    return {
      second,
      credentials,
      canonicalStart: `POST\n/\n\n${lines}\n${names}\n`,
      toSignStart: `${algorithm}\n${date}\n${scope}\n`,
      headers: [...headers.flat(), 'user-agent', userAgent],
      authorizationStart: `${algorithm} Credential=${accessKeyId}/${scope}, SignedHeaders=${names}, Signature=`,
      key: this.#key(day, credentials),
    };
  }

  /** The derived key, which is valid for a day. */
  #key(day: string, credentials: Credentials): Buffer {
    const last = this.#prepared;
    if (last !== undefined && last.toSignStart.includes(`\n${day}/`) && same(last.credentials, credentials)) {
      return last.key;
    }
    const dated = hmac(`AWS4${credentials.secretAccessKey}`, day);
    return hmac(hmac(hmac(dated, this.#scope.region), this.#scope.service), 'aws4_request');
  }
}

function same(one: Credentials, other: Credentials): boolean {
  return (
    one === other ||
    (one.accessKeyId === other.accessKeyId &&
      one.secretAccessKey === other.secretAccessKey &&
      one.sessionToken === other.sessionToken)
  );
}

function hmac(key: string | Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}
