import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import type { KMSClient } from '@aws-sdk/client-kms';
import { kmsSdk } from '../client/sdk.ts';

/** What a client's config may have otherwise, and its requests are still made in the same way: where to, and as whom. */
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

/** Options of an agent that do not change where a request goes, nor as whom. */
const harmlessAgentOptions = new Set([
  'keepAlive',
  'maxSockets',
  'noDelay',
  'scheduling',
  'timeout',
  'keepAliveMsecs',
]);

/** What this release of Node itself puts into the options of every agent: more from release to release. */
const standardAgentOptions = [new HttpAgent(), new HttpsAgent()].flatMap((agent) =>
  Object.entries(optionsOf(agent)),
);

/**
 * Why requests of a user's client are not made in its place; undefined when its config is the standard one: what somebody has set on
 * purpose (time limits, retries, agents, proxies, middleware, a signer, a logger) must count.
 */
export async function nonDefaultClient(client: KMSClient): Promise<string | undefined> {
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

/** A client with nothing set, of the same copy of the SDK: another than this package's has other functions and classes, of the same text. */
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

/** Whether two are the same, or what the SDK makes anew for every client: functions of the same text, objects of the same class. */
function isAlike(one: unknown, other: unknown): boolean {
  if (one === other) return true;
  if (typeof one === 'function') return typeof other === 'function' && String(one) === String(other);
  if (Array.isArray(one)) return Array.isArray(other) && one.length === other.length;
  if (typeof one !== 'object' || one === null || typeof other !== 'object' || other === null) return false;
  return one.constructor === other.constructor;
}

/** What only the config's functions know. */
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

/** The handler has made a request already, and so its config is settled. */
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

/** Milliseconds that modes of the SDK (`AWS_DEFAULTS_MODE`) allow for connecting: `in-region`, and `standard` and `cross-region`. */
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
