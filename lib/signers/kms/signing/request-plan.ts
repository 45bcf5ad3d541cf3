import { isDeepStrictEqual, TextDecoder } from 'node:util';
import type { KMSClient, SigningAlgorithmSpec } from '@aws-sdk/client-kms';
import type { Endpoint } from './transport.ts';
import type { Clock } from './sign-request.ts';
import type { SignAsk } from './sign-requests.ts';
import type { CredentialsProvider, SigningScope } from './sigv4.ts';
import { kmsSdk } from '../client/sdk.ts';

/** What the AWS SDK would send, and where. */
export interface RequestPlan {
  readonly endpoint: Endpoint;
  readonly scope: SigningScope;
  readonly provide: CredentialsProvider;
  readonly clock: Clock;
}

/** The client's requests differ from those that this package can make. */
export class UnknownRequest {
  readonly reason: string;

  constructor(reason: string) {
    this.reason = reason;
  }
}

/** The headers that the SDK sends. This package sends the first four as well. */
const knownHeaders = new Set([
  'content-type',
  'x-amz-target',
  'host',
  'user-agent',
  'content-length',
  'x-amz-user-agent',
  'amz-sdk-invocation-id',
  'amz-sdk-request',
  'x-amz-date',
  'x-amz-security-token',
  'x-amz-content-sha256',
  'authorization',
]);

class Seen extends Error {}

/**
 * Lets the SDK build a Sign request, and reads it instead of sending it. So the SDK decides the endpoint (FIPS and dual-stack
 * included), the Region and service of the credential scope, the headers and the body.
 */
export async function planRequests(client: KMSClient, keyArn: string): Promise<RequestPlan | UnknownRequest> {
  const ask = { algorithm: 'ECDSA_SHA_256', messageType: 'DIGEST', message: new Uint8Array(32) } as const;
  const command = new (kmsSdk().SignCommand)({
    KeyId: keyArn,
    Message: ask.message,
    MessageType: ask.messageType,
    SigningAlgorithm: ask.algorithm,
  });
  let request: unknown;
  // The last step before the request is sent, for this command only. The client is not changed.
  command.middlewareStack.add(
    () => (args) => {
      request = args.request;
      throw new Seen();
    },
    { step: 'finalizeRequest', priority: 'low', name: 's2nPkeyRequestPlan' },
  );
  try {
    await client.send(command);
  } catch (error) {
    if (!(error instanceof Seen)) throw error;
  }
  return planOf(request, signBody(keyArn)(ask), client);
}

/** Builds bodies of Sign requests. All but the message is built once for each algorithm, and a key has at most six. */
export function signBody(keyArn: string): (ask: SignAsk) => string {
  const start = `{"KeyId":${JSON.stringify(keyArn)},"Message":"`;
  const ends = new Map<SigningAlgorithmSpec, string>();
  return ({ algorithm, messageType, message }) => {
    let end = ends.get(algorithm);
    if (end === undefined) {
      end = `","MessageType":"${messageType}","SigningAlgorithm":${JSON.stringify(algorithm)}}`;
      ends.set(algorithm, end);
    }
    return start + base64(message) + end;
  };
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64');
}

function planOf(request: unknown, expectedBody: string, client: KMSClient): RequestPlan | UnknownRequest {
  const { method, protocol, hostname, port, path, query, headers, body } = fieldsOf(request);
  if (method !== 'POST' || path !== '/' || Object.keys(fieldsOf(query)).length > 0)
    return new UnknownRequest('the endpoint has a path or a query');
  if ((protocol !== 'http:' && protocol !== 'https:') || typeof hostname !== 'string')
    return new UnknownRequest(`the endpoint's protocol is ${String(protocol)}`);
  const lines = new Map<string, unknown>(
    Object.entries(fieldsOf(headers)).map(([name, value]) => [name.toLowerCase(), value]),
  );
  for (const name of lines.keys())
    if (!knownHeaders.has(name)) return new UnknownRequest(`requests have a header ${name}`);
  const [contentType, target, host, userAgent, authorization] = [
    'content-type',
    'x-amz-target',
    'host',
    'user-agent',
    'authorization',
  ].map((name) => lines.get(name));
  if (!isLine(contentType) || target !== 'TrentService.Sign' || !isLine(host) || !isLine(userAgent))
    return new UnknownRequest('requests are not of the AWS JSON protocol');
  if (!isDeepStrictEqual(jsonOf(body), jsonOf(expectedBody)))
    return new UnknownRequest('the body of requests is another');
  const scope = /^AWS4-HMAC-SHA256 Credential=[^/]+\/\d{8}\/([^/]+)\/([^/]+)\/aws4_request,/.exec(
    typeof authorization === 'string' ? authorization : '',
  );
  const [, region, service] = scope ?? [];
  if (region === undefined || service === undefined)
    return new UnknownRequest('requests are not signed with Signature Version 4');
  const secure = protocol === 'https:';
  const { config } = client;
  return {
    endpoint: { secure, hostname, port: typeof port === 'number' ? port : secure ? 443 : 80 },
    scope: { region, service, host, target, contentType, userAgent },
    provide: (options) => config.credentials(options),
    // The SDK's own offset, so that both benefit when either corrects it.
    clock: {
      get offset() {
        return config.systemClockOffset;
      },
      set offset(milliseconds) {
        config.systemClockOffset = milliseconds;
      },
    },
  };
}

/** Whether it can be a header's value that SigV4 signs without normalizing it. */
function isLine(value: unknown): value is string {
  return typeof value === 'string' && /^[!-~]+( [!-~]+)*$/.test(value);
}

function fieldsOf(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function jsonOf(body: unknown): unknown {
  try {
    const text = body instanceof Uint8Array ? new TextDecoder().decode(body) : body;
    return typeof text === 'string' ? JSON.parse(text) : undefined;
  } catch {
    return undefined;
  }
}
