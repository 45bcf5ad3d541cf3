import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { KMSClient } from '@aws-sdk/client-kms';
import { kmsSdk } from '../client/sdk.ts';
import { planRequests, UnknownRequest } from './request-plan.ts';
import { SdkRequests } from './sdk-requests.ts';
import type { SigningLimits, SignRequests } from './sign-requests.ts';

/** `reason` says why the requests go through the AWS SDK; undefined if they do not. */
export interface OpenedRequests {
  readonly requests: SignRequests;
  readonly reason: string | undefined;
}

/**
 * Opens fast requests for signatures by a key, or requests through the SDK if the client has settings of its own.
 *
 * @param isOwn whether this package created the client, with default settings.
 */
export async function openRequests(
  client: KMSClient,
  keyArn: string,
  limits: SigningLimits,
  { isOwn, fast }: { readonly isOwn: boolean; readonly fast: boolean },
): Promise<OpenedRequests> {
  const sdk = new SdkRequests(client, keyArn, limits.timeout);
  if (!fast) return { requests: sdk, reason: 'the option `requests` says so' };
  const nonDefault = isOwn ? undefined : await nonDefaultClient(client);
  if (nonDefault !== undefined) return { requests: sdk, reason: nonDefault };
  const plan = await planRequests(client, keyArn);
  if (plan instanceof UnknownRequest) return { requests: sdk, reason: plan.reason };
  // Loads undici, which takes 50 ms. A process that does not use KMS never pays for it.
  const { FastRequests } = await import('./fast-requests.ts');
  // The SDK ignores proxy variables of the environment, so requests for a user's client do too.
  const transport = { useEnvironmentProxy: isOwn };
  return { requests: new FastRequests(keyArn, plan, limits, sdk, { transport }), reason: undefined };
}

/** Options that only change where a request goes or who sends it. Fast requests follow them. */
const understood = new Set([
  'region',
  'credentials',
  'endpoint',
  'profile',
  'useFipsEndpoint',
  'useDualstackEndpoint',
  'serviceConfiguredEndpoint',
  'isCustomEndpoint',
  'tls',
  'signingRegion',
  'signingName',
  'systemClockOffset',
  'maxAttempts',
  'retryMode',
]);

/** Options of an agent that change neither where a request goes nor who sends it. */
const harmlessAgentOptions = new Set([
  'keepAlive',
  'maxSockets',
  'noDelay',
  'scheduling',
  'timeout',
  'keepAliveMsecs',
]);

/** Options that this release of Node sets on every agent. Releases add more. */
const standardAgentOptions = [new HttpAgent(), new HttpsAgent()].flatMap((agent) =>
  Object.entries(optionsOf(agent)),
);

/**
 * Why fast requests cannot replace those of a user's client; undefined if its config is the default one. Settings that a user chose
 * (time limits, retries, agents, proxies, middleware, a signer, a logger) must apply.
 */
async function nonDefaultClient(client: KMSClient): Promise<string | undefined> {
  const plain = plainClient(client);
  try {
    if (client.send !== plain.send) return 'the client has a send() of its own';
    return (
      nonDefaultMiddleware(client, plain) ??
      nonDefaultConfig(client, plain) ??
      nonDefaultHandler(client.config.requestHandler) ??
      (await nonDefaultSettings(client, plain))
    );
  } finally {
    plain.destroy();
  }
}

/** A client with default settings, from the same copy of the SDK, because copies have different functions and classes. */
function plainClient(client: KMSClient): KMSClient {
  const Client = clientClass(client) ?? kmsSdk().KMSClient;
  return new Client({
    region: 'us-east-1',
    credentials: { accessKeyId: 'none', secretAccessKey: 'none' },
  });
}

function clientClass(client: object): typeof KMSClient | undefined {
  for (let of: unknown = client; typeof of === 'object' && of !== null; of = Object.getPrototypeOf(of)) {
    if (of.constructor.name === 'KMSClient') return of.constructor as typeof KMSClient;
  }
  return undefined;
}

function nonDefaultMiddleware(client: KMSClient, plain: KMSClient): string | undefined {
  const known = new Set(plain.middlewareStack.identify());
  const own = client.middlewareStack.identify();
  const other = own.find((name) => !known.has(name));
  if (other !== undefined) return `the client has the middleware '${other}'`;
  return own.length === known.size ? undefined : 'the client lacks a middleware of the SDK';
}

function nonDefaultConfig(client: KMSClient, plain: KMSClient): string | undefined {
  const given = Object.entries(client.config);
  const standard = new Map<string, unknown>(Object.entries(plain.config));
  const other = given.find(
    ([name, value]) => !understood.has(name) && value !== undefined && !isAlike(value, standard.get(name)),
  );
  return other === undefined ? undefined : `the client has the option '${other[0]}'`;
}

/** Whether two values are equal, or differ only as the SDK creates them for each client: functions with the same text, objects of a class. */
function isAlike(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one === 'function') return typeof other === 'function' && String(one) === String(other);
  if (Array.isArray(one)) return Array.isArray(other) && one.length === other.length;
  if (typeof one !== 'object' || one === null || typeof other !== 'object' || other === null) return false;
  return one.constructor === other.constructor;
}

/** Compares settings that only functions of the config return. */
async function nonDefaultSettings(client: KMSClient, plain: KMSClient): Promise<string | undefined> {
  const [given, standard] = await Promise.all([client, plain].map(settingsOf));
  const other = Object.entries(given ?? {}).find(
    ([name, value]) => value !== Reflect.get(standard ?? {}, name),
  );
  return other === undefined ? undefined : `the client has the option '${other[0]}'`;
}

async function settingsOf({ config }: KMSClient): Promise<Record<string, unknown>> {
  return {
    retryStrategy: (await config.retryStrategy()).constructor,
    maxAttempts: await config.maxAttempts(),
    disableClockSkewCorrection: await config.disableClockSkewCorrection?.(),
  };
}

/** The handler has made a request before, so its config is resolved. */
function nonDefaultHandler(handler: object): string | undefined {
  const reason = "the client has the option 'requestHandler'";
  if (handler.constructor.name !== 'NodeHttpHandler' || !('config' in handler)) return reason;
  const { config: settled } = handler;
  if (typeof settled !== 'object' || settled === null) return reason;
  const config = new Map<string, unknown>(Object.entries(settled));
  for (const name of [
    'connectionTimeout',
    'requestTimeout',
    'socketTimeout',
    'throwOnRequestTimeout',
    'logger',
  ]) {
    const value = config.get(name);
    if (value !== undefined && !(name === 'connectionTimeout' && standardConnectionTimeouts.has(value)))
      return reason;
  }
  return [config.get('httpAgent'), config.get('httpsAgent')].every(isPlainAgent) ? undefined : reason;
}

/** Connection timeouts of the SDK's `AWS_DEFAULTS_MODE`, in milliseconds: `in-region`; `standard` and `cross-region`. */
const standardConnectionTimeouts: ReadonlySet<unknown> = new Set([1_100, 3_100]);

function isPlainAgent(agent: unknown): boolean {
  if (agent === undefined) return true;
  if (!(agent instanceof HttpAgent)) return false;
  const prototype: unknown = Object.getPrototypeOf(agent);
  if (prototype !== HttpAgent.prototype && prototype !== HttpsAgent.prototype) return false;
  return Object.entries(optionsOf(agent)).every(
    ([name, value]) =>
      harmlessAgentOptions.has(name) ||
      standardAgentOptions.some(([standard, usual]) => name === standard && value === usual),
  );
}

function optionsOf(agent: HttpAgent): object {
  const options: unknown = Reflect.get(agent, 'options');
  return typeof options === 'object' && options !== null ? options : {};
}
