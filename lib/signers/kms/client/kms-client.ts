import type { KMSClient, KMSClientConfig } from '@aws-sdk/client-kms';
import { anything, text } from '../../../options/kinds.ts';
import { readOptions, type SchemaOf } from '../../../options/option.ts';
import { HandshakeRetryStrategy } from './handshake-retry.ts';
import { hasEnvironmentProxy, ProxyHandler } from './proxy-handler.ts';
import { mostAttempts } from './retry-delay.ts';
import { kmsSdk } from './sdk.ts';

/** Where KMS is and as whom to ask; what is not given, the AWS SDK finds as it always does (environment, profile, role). */
export interface KmsClientOptions {
  /** Such as `eu-central-1`. */
  readonly region?: string;
  /** URL of the service: a VPC endpoint, or the local KMS. */
  readonly endpoint?: string;
  /** Credentials, or the SDK's provider of them. */
  readonly credentials?: KMSClientConfig['credentials'];
}

export const kmsClientSchema = {
  region: text({
    ...{ expected: "the name of an AWS Region, such as 'eu-central-1'", isSecret: false },
    pattern: /^[a-z0-9-]+$/,
  }),
  endpoint: anything<string | undefined>({
    ...{ type: 'string', expected: 'an http: or https: URL', isSecret: false },
    fits: isHttpUrl,
  }),
  credentials: anything<KmsClientOptions['credentials']>({
    type: 'object | Function',
    expected: '{ accessKeyId, secretAccessKey, sessionToken? }, or a provider function of the AWS SDK',
    fits: (value) => typeof value === 'function' || hasAccessKeyId(value),
  }),
} satisfies SchemaOf<KmsClientOptions>;

/** In place of the options above. */
export const kmsClientOption = anything<KMSClient | undefined>({
  ...{ type: 'KMSClient', expected: 'a KMSClient of @aws-sdk/client-kms' },
  fits: (value) =>
    typeof value === 'object' && value !== null && 'send' in value && typeof value.send === 'function',
});

function isHttpUrl(text: unknown): boolean {
  if (typeof text !== 'string' || !URL.canParse(text)) return false;
  const { protocol } = new URL(text);
  return protocol === 'http:' || protocol === 'https:';
}

function hasAccessKeyId(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || !('accessKeyId' in value)) return false;
  return typeof value.accessKeyId === 'string';
}

/** Milliseconds one attempt may take to connect. Within a Region it takes a few. */
const connectionTimeout = 2_000;

/** Milliseconds one attempt may take altogether. A Sign takes 5 to 50; two attempts fit into a client's patience. */
const requestTimeout = 2_500;

/** Requests under way at once: beyond it they queue. KMS signs 1,000 a second unless the quota is raised. */
const maxSockets = 256;

/**
 * A client for signing in handshakes: other attempts soon (`HandshakeRetryStrategy`), time limits that hold, and connections
 * enough for many handshakes at once. The caller destroys it.
 *
 * @throws InvalidOptionError for `region`, `endpoint` or `credentials`.
 */
export function createHandshakeClient(options: KmsClientOptions = {}): KMSClient {
  const { region, endpoint, credentials } = readOptions(kmsClientSchema, options);
  // Without TLS sessions: a server that fails to resume one would fail a new connection.
  const agent = { keepAlive: true, maxSockets, maxCachedSessions: 0 };
  return new (kmsSdk().KMSClient)({
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
    ...(credentials === undefined ? {} : { credentials }),
    maxAttempts: mostAttempts,
    retryStrategy: new HandshakeRetryStrategy(),
    requestHandler: hasEnvironmentProxy()
      ? new ProxyHandler({ connectionTimeout, requestTimeout })
      : {
          connectionTimeout,
          requestTimeout,
          throwOnRequestTimeout: true, // Without it the SDK only warns.
          httpAgent: agent,
          httpsAgent: agent,
        },
  });
}
