import { causesOf, textProperty } from '../client/error-chain.ts';
import type { HttpResponse } from './transport.ts';
import { kmsSdk } from '../client/sdk.ts';

/**
 * How to react to a failed request:
 *
 * - `transient`, `throttled`: send it again, a little later.
 * - `expired`: renew the credentials, and send it again.
 * - `refused`: KMS rejected the request's own signature. If the clock is wrong, correct it and send again.
 * - `unknown`: the response cannot be parsed. Let the AWS SDK try.
 * - `final`: give up.
 */
export type FailureKind = 'transient' | 'throttled' | 'expired' | 'refused' | 'unknown' | 'final';

export interface Failure {
  readonly kind: FailureKind;
  /** As the AWS SDK would throw it. */
  readonly error: Error;
  readonly status?: number;
  readonly requestId?: string | undefined;
  /** The server's clock, if the response has it. */
  readonly serverTime?: number | undefined;
}

/** Error names of KMS ("Common errors" and "Sign", AWS KMS API Reference), and those that the AWS SDKs retry. */
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

/** Codes of connections that failed to open or broke, where a retry may succeed. */
const transientCodes =
  /^(ECONNRESET|ECONNREFUSED|ECONNABORTED|EPIPE|ETIMEDOUT|EHOSTUNREACH|EHOSTDOWN|ENETUNREACH|ENETDOWN|ENOTFOUND|EAI_AGAIN|EADDRNOTAVAIL|UND_ERR_(SOCKET|CONNECT_TIMEOUT|ABORTED))$/;

/** undici's codes for responses that are longer than any from KMS, or have another length than they state. */
const unparseableCodes = /^UND_ERR_(HEADERS_OVERFLOW|RES_EXCEEDED_MAX_SIZE|RES_CONTENT_LENGTH_MISMATCH)$/;

/** The response is not from KMS. The AWS SDK repeats the request. */
export class UnparseableResponseError extends Error {
  constructor(what: string, options?: ErrorOptions) {
    super(`the HTTP response cannot be read: ${what}`, options);
    this.name = 'UnparseableResponseError';
  }
}

/** Classifies a response other than 200. */
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

/** The failure for a response that is not from KMS. */
export function unparseable({ status, requestId, body }: HttpResponse): Failure {
  const error = new UnparseableResponseError(
    `status ${status}, and a body of ${body.length} bytes that is none of KMS`,
  );
  return { kind: 'unknown', error, status, requestId };
}

/** Classifies a connection's error. */
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

/** The members of a JSON object; undefined for anything else. */
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
