import { causesOf, textProperty } from '../client/error-chain.ts';
import type { HttpResponse } from './transport.ts';
import { kmsSdk } from '../client/sdk.ts';

/**
 * What can be done about a request that failed:
 *
 * - `transient`, `throttled`: send it again, a little later.
 * - `expired`: renew the credentials, and send it again.
 * - `refused`: the signature of the request was; if the clock is wrong, set it, and send it again.
 * - `unknown`: the response cannot be read: let the AWS SDK try.
 * - `final`: nothing.
 */
export type FailureKind = 'transient' | 'throttled' | 'expired' | 'refused' | 'unknown' | 'final';

export interface Failure {
  readonly kind: FailureKind;
  /** As the AWS SDK would throw it. */
  readonly error: Error;
  readonly status?: number;
  readonly requestId?: string | undefined;
  /** The server's clock, where it told. */
  readonly serverTime?: number | undefined;
}

/** By KMS's own names ("Common errors" and "Sign", AWS KMS API Reference) and those that the AWS SDKs retry. */
const kinds: Readonly<Record<string, FailureKind>> = {
  ThrottlingException: 'throttled',
  Throttling: 'throttled',
  ThrottledException: 'throttled',
  RequestThrottled: 'throttled',
  RequestThrottledException: 'throttled',
  RequestLimitExceeded: 'throttled',
  TooManyRequestsException: 'throttled',
  SlowDown: 'throttled',
  LimitExceededException: 'throttled',
  DependencyTimeoutException: 'transient',
  KMSInternalException: 'transient',
  KeyUnavailableException: 'transient',
  InternalFailure: 'transient',
  ServiceUnavailable: 'transient',
  ServiceUnavailableException: 'transient',
  RequestTimeout: 'transient',
  RequestTimeoutException: 'transient',
  ExpiredTokenException: 'expired',
  ExpiredToken: 'expired',
  RequestTimeTooSkewed: 'refused',
  RequestInTheFuture: 'refused',
  RequestExpired: 'refused',
  InvalidSignatureException: 'refused',
  SignatureDoesNotMatch: 'refused',
};

/** Of connections that could not be made or broke, and may do better next time. */
const transientCodes =
  /^(ECONNRESET|ECONNREFUSED|ECONNABORTED|EPIPE|ETIMEDOUT|EHOSTUNREACH|EHOSTDOWN|ENETUNREACH|ENETDOWN|ENOTFOUND|EAI_AGAIN|EADDRNOTAVAIL|UND_ERR_(SOCKET|CONNECT_TIMEOUT|ABORTED))$/;

/** undici's, of responses that are longer than any of KMS, or not as long as they say. */
const unparseableCodes = /^UND_ERR_(HEADERS_OVERFLOW|RES_EXCEEDED_MAX_SIZE|RES_CONTENT_LENGTH_MISMATCH)$/;

/** The response is none of KMS: the AWS SDK is to ask in place of this package. */
export class UnparseableResponseError extends Error {
  constructor(what: string, options?: ErrorOptions) {
    super(`the HTTP response cannot be read: ${what}`, options);
    this.name = 'UnparseableResponseError';
  }
}

/** What a response other than 200 means. */
export function failureOfResponse(response: HttpResponse): Failure {
  const { status, requestId, date } = response;
  const said = membersOf(response.body);
  const name = said === undefined ? undefined : nameOf(said);
  if (name === undefined && status < 500 && status !== 429) return unparseable(response);
  const text = said?.['message'] ?? said?.['Message'];
  const error = new (kmsSdk().KMSServiceException)({
    name: name ?? `HTTP ${status}`,
    message: typeof text === 'string' ? text : 'UnknownError',
    $fault: status >= 500 ? 'server' : 'client',
    $metadata: { httpStatusCode: status, ...(requestId === undefined ? {} : { requestId }) },
  });
  return { kind: kindOf(name, status), error, status, requestId, serverTime: date };
}

/** What a response means that is none of KMS. */
export function unparseable({ status, requestId, body }: HttpResponse): Failure {
  const error = new UnparseableResponseError(
    `status ${status}, and a body of ${body.length} bytes that is none of KMS`,
  );
  return { kind: 'unknown', error, status, requestId };
}

/** What a connection's error means. */
export function failureOfConnection(error: Error): Failure {
  if (error.name === 'HTTPParserError' || unparseableCodes.test(textProperty(error, 'code') ?? '')) {
    return { kind: 'unknown', error: new UnparseableResponseError(error.message, { cause: error }) };
  }
  const isTransient = causesOf(error).some((one) => transientCodes.test(textProperty(one, 'code') ?? ''));
  return { kind: isTransient ? 'transient' : 'final', error };
}

function kindOf(name: string | undefined, status: number): FailureKind {
  if (name !== undefined && Object.hasOwn(kinds, name)) return kinds[name] ?? 'final';
  if (status === 429) return 'throttled';
  return [500, 502, 503, 504].includes(status) ? 'transient' : 'final';
}

/** The members of a JSON object; undefined when it is none. */
export function membersOf(body: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const parsed: unknown = JSON.parse(body);
    if (typeof parsed !== 'object' || parsed === null || Array.isArray(parsed)) return undefined;
    return parsed as Record<string, unknown>;
  } catch {
    return undefined;
  }
}

/** `com.amazonaws.kms#NotFoundException:http://…` names a NotFoundException (AWS JSON 1.1 protocol, Smithy). */
function nameOf(said: Readonly<Record<string, unknown>>): string | undefined {
  const type = said['__type'] ?? said['code'];
  return typeof type === 'string' ? /^(?:[^#]*#)?([A-Za-z]\w*)/.exec(type)?.[1] : undefined;
}
