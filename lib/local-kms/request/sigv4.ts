import { createHmac, hash, timingSafeEqual } from 'node:crypto';
import { KmsException } from '../store/errors.ts';

/**
 * Checks requests signed with AWS Signature Version 4
 * (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html) against one credential,
 * refusing them with the types and messages of the real service.
 */

export interface LocalKmsCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

/** What of a request is signed. Header names are in lower case, as `http.IncomingMessage` gives them. */
export interface SignedRequest {
  readonly method: string;
  readonly url: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

const service = 'kms';
const algorithm = 'AWS4-HMAC-SHA256';
const skewMinutes = 5;
const amzDatePattern = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/;

interface Authorization {
  readonly credential: string;
  readonly signedHeaders: readonly string[];
  readonly signature: string;
}

function invalidSignature(message: string): KmsException {
  return new KmsException('InvalidSignatureException', message);
}

function hmac(key: string | Buffer, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest();
}

/** Epoch milliseconds as `20260102T030405Z`. */
export function amzDate(milliseconds: number): string {
  return new Date(milliseconds).toISOString().replace(/[-:]|\.\d{3}/g, '');
}

function parseAmzDate(text: string): number {
  const match = amzDatePattern.exec(text);
  if (match === null) return NaN;
  const [year = 0, month = 0, day = 0, hour, minute, second] = match.slice(1).map(Number);
  return Date.UTC(year, month - 1, day, hour, minute, second);
}

function header(request: SignedRequest, name: string): string | undefined {
  const value = request.headers[name];
  return Array.isArray(value) ? value.join(',') : value;
}

/** The URL's path and its query in canonical order; KMS has one path and no query, so nothing is encoded anew. */
function canonicalUrl(url: string): string {
  const mark = url.indexOf('?');
  if (mark < 0) return `${url}\n`;
  const query = url
    .slice(mark + 1)
    .split('&')
    .map((pair) => (pair.includes('=') ? pair : `${pair}=`))
    .sort();
  return `${url.slice(0, mark)}\n${query.join('&')}`;
}

/** Reads the `Authorization` header. Throws `MissingAuthenticationTokenException` or `IncompleteSignatureException`. */
function parseAuthorization(request: SignedRequest): Authorization {
  const text = header(request, 'authorization');
  if (text === undefined || text === '') {
    throw new KmsException('MissingAuthenticationTokenException', 'Missing Authentication Token');
  }
  const space = text.indexOf(' ');
  const scheme = space < 0 ? text : text.slice(0, space);
  if (scheme !== algorithm && scheme.startsWith('AWS4-')) {
    throw new KmsException('IncompleteSignatureException', `Unsupported AWS 'algorithm': '${scheme}'.`);
  }
  const parameters = new Map<string, string>();
  for (const part of space < 0 ? [] : text.slice(space + 1).split(',')) {
    const equals = part.indexOf('=');
    if (equals > 0) parameters.set(part.slice(0, equals).trim(), part.slice(equals + 1).trim());
  }
  const credential = parameters.get('Credential');
  const signature = parameters.get('Signature');
  const signedHeaders = parameters.get('SignedHeaders');
  const dated = header(request, 'x-amz-date') !== undefined || header(request, 'date') !== undefined;
  if (credential === undefined || signature === undefined || signedHeaders === undefined || !dated) {
    const missing: string[] = [];
    if (credential === undefined) missing.push("Authorization header requires 'Credential' parameter. ");
    if (signature === undefined) missing.push("Authorization header requires 'Signature' parameter. ");
    if (signedHeaders === undefined)
      missing.push("Authorization header requires 'SignedHeaders' parameter. ");
    if (!dated) {
      missing.push("Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. ");
    }
    const digest = hash('sha256', text, 'base64');
    throw new KmsException(
      'IncompleteSignatureException',
      `${missing.join('')}(Hashed with SHA-256 and encoded with Base64) Authorization=${digest}`,
    );
  }
  return { credential, signature, signedHeaders: signedHeaders.split(';') };
}

export class SignatureVerifier {
  readonly #credentials: LocalKmsCredentials;
  readonly #region: string;
  // The key that signs is the same all day, and deriving it costs four HMACs.
  #signingKey: { readonly day: string; readonly key: Buffer } | undefined;

  constructor(credentials: LocalKmsCredentials, region: string) {
    this.#credentials = credentials;
    this.#region = region;
  }

  /** Returns when `request` is signed by the credential, `now` (epoch milliseconds) ± 5 minutes; throws otherwise. */
  verify(request: SignedRequest, now: number): void {
    const authorization = parseAuthorization(request);
    const { accessKeyId, day } = this.#parseCredential(authorization.credential);
    const date = this.#date(request);
    this.#checkScope(authorization.credential, date);
    this.#checkIdentity(accessKeyId, header(request, 'x-amz-security-token'));
    this.#checkTime(date, now);
    this.#checkSignedHeaders(request, authorization.signedHeaders);

    const expected = this.#signature(request, authorization.signedHeaders, date, day);
    const given = Buffer.from(authorization.signature, 'latin1');
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      throw invalidSignature(
        'The request signature we calculated does not match the signature you provided. Check your AWS Secret ' +
          'Access Key and signing method. Consult the service documentation for details.',
      );
    }
  }

  #parseCredential(credential: string): { accessKeyId: string; day: string } {
    const [accessKeyId, day, region, scopeService, terminator, ...rest] = credential.split('/');
    if (
      accessKeyId === undefined ||
      day === undefined ||
      region === undefined ||
      scopeService === undefined ||
      terminator === undefined ||
      rest.length > 0
    ) {
      throw new KmsException(
        'IncompleteSignatureException',
        `Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term, got '${credential}'`,
      );
    }
    return { accessKeyId, day };
  }

  #date(request: SignedRequest): string {
    const amz = header(request, 'x-amz-date');
    if (amz !== undefined) {
      if (!Number.isNaN(parseAmzDate(amz))) return amz;
      throw new KmsException(
        'IncompleteSignatureException',
        `Date must be in ISO-8601 'basic format'. Got '${amz}'. See http://en.wikipedia.org/wiki/ISO_8601`,
      );
    }
    const time = Date.parse(header(request, 'date') ?? '');
    if (Number.isNaN(time)) {
      throw new KmsException('IncompleteSignatureException', "The 'Date' header is not a date.");
    }
    return amzDate(time);
  }

  #checkScope(credential: string, date: string): void {
    const [, day = '', region = '', scopeService = '', terminator = ''] = credential.split('/');
    const wrong: string[] = [];
    if (region !== this.#region)
      wrong.push(`Credential should be scoped to a valid region, not '${region}'. `);
    if (scopeService !== service)
      wrong.push(`Credential should be scoped to correct service: '${service}'. `);
    if (terminator !== 'aws4_request') {
      wrong.push(
        `Credential should be scoped with a valid terminator: 'aws4_request', not '${terminator}'. `,
      );
    }
    if (day !== date.slice(0, 8)) {
      wrong.push(
        'Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: ' +
          `'${day}' != '${date.slice(0, 8)}', from '${date}'. `,
      );
    }
    if (wrong.length > 0) throw invalidSignature(wrong.join(''));
  }

  #checkIdentity(accessKeyId: string, sessionToken: string | undefined): void {
    if (accessKeyId !== this.#credentials.accessKeyId || sessionToken !== this.#credentials.sessionToken) {
      throw new KmsException(
        'UnrecognizedClientException',
        'The security token included in the request is invalid.',
      );
    }
  }

  #checkTime(date: string, now: number): void {
    const skew = skewMinutes * 60_000;
    const time = parseAmzDate(date);
    if (time < now - skew) {
      throw invalidSignature(
        `Signature expired: ${date} is now earlier than ${amzDate(now - skew)} (${amzDate(now)} - ${skewMinutes} min.)`,
      );
    }
    if (time > now + skew) {
      throw invalidSignature(
        `Signature not yet current: ${date} is still later than ${amzDate(now + skew)} ` +
          `(${amzDate(now)} + ${skewMinutes} min.)`,
      );
    }
  }

  #checkSignedHeaders(request: SignedRequest, signedHeaders: readonly string[]): void {
    if (!signedHeaders.includes('host')) {
      throw invalidSignature("'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.");
    }
    for (const name in request.headers) {
      // What the service acts on must not be open to change on the way.
      if (name.startsWith('x-amz-') && !signedHeaders.includes(name)) {
        throw invalidSignature(`'${name}' must be a 'SignedHeader' in the AWS Authorization.`);
      }
    }
  }

  /** The hexadecimal signature this request should carry, as bytes. */
  #signature(request: SignedRequest, signedHeaders: readonly string[], date: string, day: string): Buffer {
    let canonical = `${request.method}\n${canonicalUrl(request.url)}\n`;
    for (const name of signedHeaders) {
      canonical += `${name}:${(header(request, name) ?? '').trim().replace(/ {2,}/g, ' ')}\n`;
    }
    canonical += `\n${signedHeaders.join(';')}\n${hash('sha256', request.body, 'hex')}`;
    const scope = `${day}/${this.#region}/${service}/aws4_request`;
    const toSign = `${algorithm}\n${date}\n${scope}\n${hash('sha256', canonical, 'hex')}`;
    return Buffer.from(createHmac('sha256', this.#keyOf(day)).update(toSign).digest('hex'), 'latin1');
  }

  #keyOf(day: string): Buffer {
    if (this.#signingKey?.day !== day) {
      const dated = hmac(`AWS4${this.#credentials.secretAccessKey}`, day);
      const key = hmac(hmac(hmac(dated, this.#region), service), 'aws4_request');
      this.#signingKey = { day, key };
    }
    return this.#signingKey.key;
  }
}
