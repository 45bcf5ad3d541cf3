/**
 * What a context is secured with in effect, from what its own options say, the server's, and the process's. Every way to make a
 * context comes by here, so that an option which is left out never falls back to less than the server has.
 */
import { isDeepStrictEqual } from 'node:util';
import { InvalidOptionError } from '../../errors.ts';
import { readProtocols } from './alpn-protocols.ts';
import {
  highest,
  lowest,
  readVersions,
  type ProtocolVersion,
  type ProtocolVersionOptions,
  type VersionRange,
} from './protocol-versions.ts';
import type { PemTexts, TrustOptions } from './trust.ts';

/**
 * What holds for a context of a server:
 * - `identity`: the context's own alone.
 * - `inherited`: the context's own, or the server's where it says nothing.
 * - `narrowed`: the context's own within the server's; a name may raise the floor, and not lower it.
 * - `server`: the server's alone; a context that says something else is refused by name.
 * - `connection`: nothing that a context has: node:tls looks at it where a server is made.
 */
export type ContextRule = 'identity' | 'inherited' | 'narrowed' | 'server' | 'connection';

/** The rule of every option of a server. See `secureServer`, which a new option without a rule does not compile with. */
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

/** What the options of one context say; undefined: nothing. */
export interface OwnSettings {
  readonly securityPolicy: string | undefined;
  readonly minVersion: ProtocolVersion | undefined;
  readonly maxVersion: ProtocolVersion | undefined;
  readonly trust: TrustOptions;
  /** Options that only a server has. */
  readonly ofServer: Readonly<Partial<Record<ServerOptionName, unknown>>>;
}

/** What a configuration is made with. */
export interface EffectiveSettings extends VersionRange {
  readonly securityPolicy: string;
  readonly trust: TrustOptions;
}

/** @throws InvalidOptionError, naming the option. */
export function readOwnSettings(
  options: TrustOptions & ProtocolVersionOptions & { securityPolicy?: string },
): OwnSettings {
  const securityPolicy: unknown = options.securityPolicy ?? undefined;
  if (securityPolicy !== undefined && (typeof securityPolicy !== 'string' || securityPolicy === '')) {
    throw new InvalidOptionError(
      'securityPolicy',
      "the name of an s2n-tls policy, such as 'default'",
      securityPolicy,
    );
  }
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

/** Those of `former` where `next` says nothing: what a server goes on with when its own context is replaced. */
export function replaceSettings(former: OwnSettings, next: OwnSettings): OwnSettings {
  return {
    securityPolicy: next.securityPolicy ?? former.securityPolicy,
    minVersion: next.minVersion ?? former.minVersion,
    maxVersion: next.maxVersion ?? former.maxVersion,
    trust: { ...former.trust, ...next.trust },
    ofServer: former.ofServer,
  };
}

/** Those of a client that has a context beside its own options: the context's hold, and versions are narrowed by both. */
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
 * The settings of a context that stands alone: a client's, or a server's own.
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
 * @param server With the versions that the server itself negotiates, its policy's own limits included.
 * @throws InvalidOptionError, naming the option.
 */
export function settingsWithin(server: EffectiveSettings, own: OwnSettings): EffectiveSettings {
  const minVersion = highest(server.minVersion, own.minVersion);
  const maxVersion = lowest(server.maxVersion, own.maxVersion);
  if (minVersion > maxVersion) {
    const option = own.maxVersion !== undefined && own.maxVersion < minVersion ? 'maxVersion' : 'minVersion';
    throw new InvalidOptionError(
      option,
      `a version that the server has (${server.minVersion} to ${server.maxVersion}): a context narrows the server's versions`,
      own[option],
    );
  }
  return {
    securityPolicy: own.securityPolicy ?? server.securityPolicy,
    minVersion,
    maxVersion,
    trust: { ...server.trust, ...own.trust },
  };
}

/** Options that a server has once, by what they mean: two that mean the same agree. */
const meanings: Readonly<Partial<Record<ServerOptionName, (value: unknown) => unknown>>> = {
  requestCert: (value) => value === true,
  rejectUnauthorized: (value) => value !== false,
  ALPNProtocols: (value) => readProtocols(value),
};

/**
 * Refuses what a context says of its server and the server does otherwise: nobody would do it.
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
    throw new InvalidOptionError(
      name,
      'what the server was made with, or nothing: all contexts of a server have it in common',
      name === 'ticketKeys' ? 'other keys' : given,
    );
  }
}

/** Options over others: one that is undefined or null says nothing. */
export function overlay<T extends object>(under: { [K in keyof T]?: T[K] | undefined }, over: T): T {
  const said = [...Object.entries(under), ...Object.entries(over)].filter(
    ([, value]) => value !== undefined && value !== null,
  );
  return Object.fromEntries(said) as T;
}

/** Whom to trust, as far as the options say; a copy, since stores are made of it later, too. */
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
  throw new InvalidOptionError('minVersion', `no later version than maxVersion (${maxVersion})`, minVersion);
}
