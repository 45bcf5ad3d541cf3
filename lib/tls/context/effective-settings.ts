/**
 * Computes the effective settings of a context from its own options, the server's and the process's. Every way to create a
 * context uses this, so that an omitted option never falls back to something weaker than the server's.
 */
import { isDeepStrictEqual } from 'node:util';
import { Given } from '../../errors.ts';
import { text } from '../../options/kinds.ts';
import { readOption, refusal, type Option } from '../../options/option.ts';
import { readProtocols } from './alpn-protocols.ts';
import {
  highest,
  lowest,
  readVersions,
  versionSchema,
  type ProtocolVersion,
  type ProtocolVersionOptions,
  type VersionRange,
} from './protocol-versions.ts';
import type { PemTexts, TrustOptions } from './trust.ts';

/**
 * The rules for options of a server's context:
 * - `identity`: only the context's own value applies.
 * - `inherited`: the context's own value, or the server's if it has none.
 * - `narrowed`: the context's own value within the server's. A name may raise the minimum, but not lower it.
 * - `server`: only the server's value applies. A context with another value is refused, and the error names the option.
 * - `connection`: not an option of contexts. node:tls reads it when a server is created.
 */
export type ContextRule = 'identity' | 'inherited' | 'narrowed' | 'server' | 'connection';

/** The rule of every server option. `secureServer` does not compile if a new option has no rule. */
export const contextRules = {
  cert: 'identity',
  signer: 'identity',
  ocspResponse: 'identity',
  identities: 'identity',
  securityPolicy: 'inherited',
  ca: 'inherited',
  crl: 'inherited',
  allowPartialTrustChain: 'inherited',
  minVersion: 'narrowed',
  maxVersion: 'narrowed',
  requestCert: 'server',
  rejectUnauthorized: 'server',
  ALPNProtocols: 'server',
  sessionTickets: 'server',
  sessionTimeout: 'server',
  ticketKeys: 'server',
  sessionIdContext: 'server',
  SNICallback: 'connection',
  ALPNCallback: 'connection',
  handshakeTimeout: 'connection',
  signatureLimits: 'connection',
  proxyProtocol: 'connection',
  logger: 'connection',
  allowHalfOpen: 'connection',
  pauseOnConnect: 'connection',
  highWaterMark: 'connection',
  noDelay: 'connection',
  keepAlive: 'connection',
  keepAliveInitialDelay: 'connection',
} as const satisfies Record<string, ContextRule>;

type ServerOptionName = {
  [K in keyof typeof contextRules]: (typeof contextRules)[K] extends 'server' ? K : never;
}[keyof typeof contextRules];

const serverOptionNames = Object.entries(contextRules)
  .filter(([, rule]) => rule === 'server')
  .map(([name]) => name as ServerOptionName);

export const policyOption: Option<string | undefined> = {
  ...text({
    ...{ expected: "the name of an s2n-tls policy, such as 'default'", pattern: /./s, isSecret: false },
  }),
  takesNull: true,
};

/** The options of one context; undefined: not given. */
export interface OwnSettings {
  readonly securityPolicy: string | undefined;
  readonly minVersion: ProtocolVersion | undefined;
  readonly maxVersion: ProtocolVersion | undefined;
  readonly trust: TrustOptions;
  /** Options that only a server has. */
  readonly ofServer: Readonly<Partial<Record<ServerOptionName, unknown>>>;
}

/** The settings of a configuration. */
export interface EffectiveSettings extends VersionRange {
  readonly securityPolicy: string;
  readonly trust: TrustOptions;
}

/** @throws InvalidOptionError, naming the option. */
export function readOwnSettings(
  options: TrustOptions & ProtocolVersionOptions & { securityPolicy?: string },
): OwnSettings {
  const securityPolicy = readOption('securityPolicy', policyOption, options.securityPolicy);
  const versions = readVersions(options);
  refuseEmptyRange(versions);
  const given = options as Partial<Record<ServerOptionName, unknown>>;
  const named = serverOptionNames.filter((name) => (given[name] ?? undefined) !== undefined);
  return {
    securityPolicy,
    ...versions,
    trust: copyTrust(options),
    ofServer: Object.fromEntries(named.map((name) => [name, given[name]])),
  };
}

/** `next`, completed from `former`: the settings of a server after its own context is replaced. */
export function replaceSettings(former: OwnSettings, next: OwnSettings): OwnSettings {
  return {
    securityPolicy: next.securityPolicy ?? former.securityPolicy,
    minVersion: next.minVersion ?? former.minVersion,
    maxVersion: next.maxVersion ?? former.maxVersion,
    trust: { ...former.trust, ...next.trust },
    ofServer: former.ofServer,
  };
}

/** The settings of a client with a context and options of its own. The context's apply, and both narrow the versions. */
export function combineSettings(context: OwnSettings, options: OwnSettings): OwnSettings {
  const narrower = (
    choose: (one: ProtocolVersion, other?: ProtocolVersion) => ProtocolVersion,
    one: ProtocolVersion | undefined,
    other: ProtocolVersion | undefined,
  ): ProtocolVersion | undefined => (one === undefined ? other : choose(one, other));
  return {
    securityPolicy: context.securityPolicy ?? options.securityPolicy,
    minVersion: narrower(highest, context.minVersion, options.minVersion),
    maxVersion: narrower(lowest, context.maxVersion, options.maxVersion),
    trust: { ...options.trust, ...context.trust },
    ofServer: options.ofServer,
  };
}

/**
 * The settings of a context by itself: a client's, or a server's own.
 *
 * @throws InvalidOptionError, naming the option.
 */
export function settingsAlone(own: OwnSettings, process: VersionRange): EffectiveSettings {
  const settings = {
    securityPolicy: own.securityPolicy ?? 'default',
    minVersion: own.minVersion ?? process.minVersion,
    maxVersion: own.maxVersion ?? process.maxVersion,
    trust: own.trust,
  };
  refuseEmptyRange(settings);
  return settings;
}

/**
 * The settings of a context for a name, within those of its server.
 *
 * @param server With the versions that the server itself negotiates, including its policy's limits.
 * @throws InvalidOptionError, naming the option.
 */
export function settingsWithin(server: EffectiveSettings, own: OwnSettings): EffectiveSettings {
  const minVersion = highest(server.minVersion, own.minVersion);
  const maxVersion = lowest(server.maxVersion, own.maxVersion);
  if (minVersion > maxVersion) {
    const option = own.maxVersion !== undefined && own.maxVersion < minVersion ? 'maxVersion' : 'minVersion';
    const versions = `${server.minVersion} to ${server.maxVersion}`;
    const expected = `a version that the server has (${versions}): a context narrows the server's versions`;
    throw refusal(option, versionSchema[option], own[option], expected);
  }
  return {
    securityPolicy: own.securityPolicy ?? server.securityPolicy,
    minVersion,
    maxVersion,
    trust: { ...server.trust, ...own.trust },
  };
}

/** Options that a server has only once, by meaning, so that two spellings of the same value agree. */
const meanings: Readonly<Partial<Record<ServerOptionName, (value: unknown) => unknown>>> = {
  requestCert: (value) => value === true,
  rejectUnauthorized: (value) => value !== false,
  ALPNProtocols: (value) => readProtocols(value),
};

/**
 * Refuses a context's option that contradicts its server, because it would have no effect.
 *
 * @throws InvalidOptionError, naming the option.
 */
export function refuseOtherServerOptions(
  own: OwnSettings,
  server: Readonly<Partial<Record<ServerOptionName, unknown>>>,
): void {
  for (const name of serverOptionNames) {
    const given = own.ofServer[name];
    if (given === undefined) continue;
    const meaning = meanings[name] ?? ((value) => value);
    if (isDeepStrictEqual(meaning(given), meaning(server[name]))) continue;
    const expected = 'what the server was made with, or nothing: all contexts of a server have it in common';
    throw refusal(
      name,
      { expected, isSecret: true },
      name === 'ticketKeys' ? new Given('other keys') : given,
    );
  }
}

/** Merges options over others. An undefined or null option does not override. */
export function overlay<T extends object>(under: { [K in keyof T]?: T[K] | undefined }, over: T): T {
  const said = [...Object.entries(under), ...Object.entries(over)].filter(
    ([, value]) => value !== undefined && value !== null,
  );
  return Object.fromEntries(said) as T;
}

/** The trust settings of the options. It is a copy, because stores are also created from it later. */
function copyTrust({ ca, crl, allowPartialTrustChain }: TrustOptions): TrustOptions {
  const copyOne = (text: string | Uint8Array): string | Uint8Array =>
    text instanceof Uint8Array ? Buffer.from(text) : text;
  const copy = (texts: PemTexts | undefined): unknown =>
    Array.isArray(texts) ? (texts as (string | Uint8Array)[]).map(copyOne) : copyOne(texts as string);
  return overlay<TrustOptions>({}, { ca: copy(ca), crl: copy(crl), allowPartialTrustChain } as TrustOptions);
}

function refuseEmptyRange({
  minVersion = 'TLSv1.2',
  maxVersion = 'TLSv1.3',
}: {
  readonly minVersion: ProtocolVersion | undefined;
  readonly maxVersion: ProtocolVersion | undefined;
}): void {
  if (minVersion <= maxVersion) return;
  const expected = `no later version than maxVersion (${maxVersion})`;
  throw refusal('minVersion', versionSchema.minVersion, minVersion, expected);
}
