import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { KMSClient } from '@aws-sdk/client-kms';

/** What a client's config may have, and its requests are still those of a client as it comes. */
const understood = new Set([
  'region',
  'credentials',
  'endpoint',
  'profile',
  'useFipsEndpoint',
  'useDualstackEndpoint',
]);

/** Those of a client as it comes that are new objects each time. `requestHandler` is looked into. */
const madeAnew = new Set([
  'logger',
  'defaultsMode',
  'authSchemePreference',
  'defaultUserAgentProvider',
  'extensions',
  'httpAuthSchemes',
  'maxAttempts',
  'retryMode',
  'requestHandler',
  'userAgentAppId',
  'protocolSettings',
  'defaultSocketTimeout',
]);

/** What agents are made with by the SDK and by Node. */
const agentOptions = new Set([
  'keepAlive',
  'maxSockets',
  'noDelay',
  'path',
  'scheduling',
  'timeout',
  'keepAliveMsecs',
]);

/**
 * Why requests of a user's client are not made in its place; undefined when its config is the standard one: what somebody has set on
 * purpose (time limits, retries, agents, proxies, middleware, a signer, a logger) must count.
 */
export function unusualClient(client: KMSClient): string | undefined {
  const plain = new KMSClient({
    region: 'us-east-1',
    credentials: { accessKeyId: 'none', secretAccessKey: 'none' },
  });
  try {
    return (
      unusualMiddleware(client, plain) ??
      unusualConfig(client, plain) ??
      unusualHandler(client.config.requestHandler)
    );
  } finally {
    plain.destroy();
  }
}

function unusualMiddleware(client: KMSClient, plain: KMSClient): string | undefined {
  const known = new Set(plain.middlewareStack.identify());
  const own = client.middlewareStack.identify();
  const other = own.find((name) => !known.has(name));
  if (other !== undefined) return `the client has the middleware '${other}'`;
  return own.length === known.size ? undefined : 'the client lacks a middleware of the SDK';
}

function unusualConfig(client: KMSClient, plain: KMSClient): string | undefined {
  const [given, standard] = [client, plain].map(
    (one) => new Map<string, unknown>(Object.entries(one.initConfig ?? {})),
  );
  if (given === undefined || standard === undefined || given.size === 0)
    return 'the config of the client is not known';
  for (const [name, value] of given) {
    if (understood.has(name) || value === undefined) continue;
    if (!standard.has(name)) return `the client has the option '${name}'`;
    const isStandard = madeAnew.has(name)
      ? typeof value === typeof standard.get(name) &&
        (Array.isArray(value) ? value.length : 0) === lengthOf(standard.get(name))
      : value === standard.get(name);
    if (!isStandard) return `the client has the option '${name}'`;
  }
  return undefined;
}

function lengthOf(value: unknown): number {
  return Array.isArray(value) ? value.length : 0;
}

/** The handler has made a request already, and so its config is settled. */
function unusualHandler(handler: object): string | undefined {
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
    if (value !== undefined && !(name === 'connectionTimeout' && value === standardConnectionTimeout))
      return reason;
  }
  return [config.get('httpAgent'), config.get('httpsAgent')].every(isPlainAgent) ? undefined : reason;
}

/** Milliseconds that the SDK's default mode (`legacy` has none, `standard` this) allows for connecting. */
const standardConnectionTimeout = 3_100;

function isPlainAgent(agent: unknown): boolean {
  if (agent === undefined) return true;
  if (!(agent instanceof HttpAgent)) return false;
  const prototype: unknown = Object.getPrototypeOf(agent);
  if (prototype !== HttpAgent.prototype && prototype !== HttpsAgent.prototype) return false;
  return Object.keys(optionsOf(agent)).every((name) => agentOptions.has(name));
}

function optionsOf(agent: HttpAgent): object {
  const options: unknown = Reflect.get(agent, 'options');
  return typeof options === 'object' && options !== null ? options : {};
}
