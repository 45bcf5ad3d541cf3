import { createHmac, hash } from 'node:crypto';
import type { Credentials } from './credentials.ts';
import type { HttpRequest } from './transport.ts';

/** What of a request never changes. Header values must be as they are sent, without white space around them. */
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

/** Everything that requests of the same second, under the same credentials, have in common. */
interface Prepared {
  readonly second: number;
  readonly credentials: Credentials;
  readonly canonicalStart: string;
  readonly toSignStart: string;
  /** Names and values in turn, but for the end of the last value, which is the signature. */
  readonly headers: readonly string[];
  readonly authorizationStart: string;
  readonly key: Buffer;
}

const algorithm = 'AWS4-HMAC-SHA256';

/**
 * Signs `POST /` requests to one service with AWS Signature Version 4
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html). What requests have in common is made
 * once a second, and the derived key once a day and credential: three hashes are left to each.
 */
export class SigV4 {
  readonly #scope: SigningScope;
  #prepared: Prepared | undefined;

  constructor(scope: SigningScope) {
    this.#scope = scope;
  }

  /**
   * The request, signed.
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

  /** The derived key, which is good for a day. */
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
