import { createHash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { S2nPkeyError } from '../../errors.ts';
import { addon } from '../../native/addon.ts';
import type {
  NativeConfig,
  NativeServerContexts,
  NativeSessionTickets,
  NativeTrustStore,
} from '../../native/binding.ts';
import { publicKeyFingerprint } from '../../signers/certificate-match.ts';
import { readContextName } from './context-name.ts';
import { renewIdentities, withOcspResponse, type Identity } from './identity.ts';
import { refuseOtherServerOptions, settingsWithin, type EffectiveSettings } from './effective-settings.ts';
import type { ClientCertificates } from './peer-verification.ts';
import { makeConfig, readSecureContext, SecureContext, type SecureContextOptions } from './secure-context.ts';
import { readTicketKeys, type SessionSettings } from './session-options.ts';
import {
  deriveTicketKey,
  encryptingKey,
  GivenTicketKey,
  RotatingTicketKeys,
  type TicketKeys,
  type TicketKeySeed,
} from './ticket-keys.ts';
import { namesTrust, trustStore } from './trust.ts';

/** What all configurations of a server have in common. */
export interface ContextSettings {
  /** What the server was made with. */
  readonly serverOptions: Parameters<typeof refuseOtherServerOptions>[1];
  readonly alpnProtocols: readonly string[];
  readonly clientCertificates: ClientCertificates;
  readonly sessions: SessionSettings;
  /** Whether JavaScript is asked about each client hello now. */
  readonly asksApplication: () => boolean;
  /** Whether somebody listens for `'keylog'` now. */
  readonly logsKeys: () => boolean;
}

/** In TLS 1.3. Two, so that a client that opens two connections at once can resume both: as OpenSSL. */
const TICKETS_PER_HANDSHAKE = 2;

/** The contexts of a server at one moment: a connection keeps the ones it was accepted with. */
export interface ContextSnapshot {
  readonly native: NativeServerContexts;
  /** The first is the one for clients that ask for no name, or for none of those that were added. */
  readonly contexts: readonly SecureContext[];
  /** The one for clients that ask for this name; the engine chooses alike. */
  find(servername: string): SecureContext;
  /** For a context that is none of them. */
  configure(context: SecureContext): NativeConfig;
}

/**
 * The contexts of one server by the name that clients ask for. What is changed holds for the connections that are accepted
 * from then on.
 */
export class ServerContexts {
  readonly #settings: ContextSettings;
  readonly #named = new Map<string, SecureContext>();
  #default: SecureContext;
  /** The default context's, with the versions that it really negotiates: what other contexts may narrow. */
  #floor: EffectiveSettings;
  /** Of contexts that name whom to trust, beside what the server says of it. */
  #trust = new WeakMap<SecureContext, NativeTrustStore>();
  #ticketKeys: TicketKeys | undefined;
  /** Those of the last snapshot, which the next one goes on with unless what they have in common has changed. */
  #configs: ReadonlyMap<SecureContext, NativeConfig> = new Map();
  #snapshot: ContextSnapshot | undefined;
  /** Seconds since 1970: ticket keys are rotated by then. */
  #freshUntil = Infinity;
  #logsKeys = false;
  #asksApplication = false;

  constructor(defaultContext: SecureContext, settings: ContextSettings) {
    this.#settings = settings;
    this.#default = defaultContext;
    this.#floor = floorOf(defaultContext);
    const { tickets, ticketKeys, timeout } = settings.sessions;
    if (!tickets) return;
    this.#ticketKeys = ticketKeys
      ? new GivenTicketKey(ticketKeys, secondsNow())
      : new RotatingTicketKeys(timeout);
  }

  /** Options that a context does not name are the server's. @throws as `createSecureContext` and `readContextName`. */
  add(hostname: string, context: SecureContext | SecureContextOptions): void {
    const name = readContextName(hostname);
    const added = context instanceof SecureContext ? context : readSecureContext(context);
    this.#check(added, this.#floor);
    this.#named.set(name, added);
    this.#snapshot = undefined;
  }

  /** Options that it does not name stay as they are. @throws as `createSecureContext`. */
  replaceDefault(options: SecureContext | SecureContextOptions): void {
    const next = options instanceof SecureContext ? options : readSecureContext(options);
    refuseOtherServerOptions(next.own, this.#settings.serverOptions);
    this.restoreDefault(this.#default.withIdentities(next.identities).withSettingsOf(next));
  }

  /** Goes on with a context that was the default one, as it was. @throws as `createSecureContext`. */
  restoreDefault(context: SecureContext): void {
    const floor = floorOf(context);
    if (namesTrust(context.own.trust)) context.trust();
    if (!isDeepStrictEqual(floor, this.#floor)) {
      for (const named of this.#named.values()) this.#check(named, floor);
    }
    this.#default = context;
    this.#floor = floor;
    this.#trust = new WeakMap();
    this.#configureAnew();
  }

  /**
   * Replaces certificates and their signers, and what `settings` says beside them. Of the context that is there, everything else
   * stays: certificates for other kinds of key, policy, versions, whom it trusts.
   *
   * @param hostname Undefined: the default context.
   * @param former What the last renewal brought, if anything: it goes, whatever its kind of key.
   */
  renew(hostname: string | undefined, next: SecureContext, former: readonly Identity[] = []): void {
    refuseOtherServerOptions(next.own, this.#settings.serverOptions);
    const context = hostname === undefined ? this.#default : this.#named.get(readContextName(hostname));
    const identities = renewIdentities(context?.identities ?? [], next.identities, former);
    const renewed = context?.withIdentities(identities).withSettingsOf(next) ?? next;
    if (hostname === undefined) this.replaceDefault(renewed);
    else this.add(hostname, renewed);
  }

  /** The context for clients that ask for no name, or for none of those that were added. */
  get default(): SecureContext {
    return this.#default;
  }

  /** All of them, each with the name it is for. */
  served(): { readonly servername: string | undefined; readonly context: SecureContext }[] {
    const named = [...this.#named].map(([servername, context]) => ({ servername, context }));
    return [{ servername: undefined, context: this.#default }, ...named];
  }

  /** @throws InvalidOptionError. */
  replaceOcspResponse(response: unknown): void {
    const [first, ...others] = this.#default.identities;
    if (!first) return;
    this.#default = this.#default.withIdentities([withOcspResponse(first, response), ...others]);
    this.#snapshot = undefined;
  }

  /**
   * The 48 bytes that tickets are encrypted with now.
   *
   * @throws S2nPkeyError `ERR_S2N_PKEY_NO_SESSION_TICKETS` where there are none.
   */
  ticketKey(): Buffer {
    return Buffer.from(encryptingKey(this.#requireTicketKeys(), secondsNow()).bytes);
  }

  /** @throws InvalidOptionError; as `ticketKey`. */
  replaceTicketKey(keys: unknown): void {
    this.#requireTicketKeys();
    this.#ticketKeys = new GivenTicketKey(readTicketKeys(keys), secondsNow());
    this.#configureAnew();
  }

  /** For other processes that serve the same address; undefined where there is nothing to share, or the user shares it. */
  ticketKeySeed(): TicketKeySeed | undefined {
    return this.#ticketKeys instanceof RotatingTicketKeys ? this.#ticketKeys.seed(secondsNow()) : undefined;
  }

  /** Goes on with another process's keys, unless the user has given some. */
  followTicketKeys(seed: TicketKeySeed): void {
    if (!(this.#ticketKeys instanceof RotatingTicketKeys)) return;
    this.#ticketKeys = new RotatingTicketKeys(this.#settings.sessions.timeout, seed);
    this.#configureAnew();
  }

  /** For the next connection. Made when it is first needed, so that a thousand calls of `add` cost one table. */
  current(): ContextSnapshot {
    const now = secondsNow();
    const logsKeys = this.#settings.logsKeys();
    if (now >= this.#freshUntil || logsKeys !== this.#logsKeys) this.#configureAnew();
    this.#logsKeys = logsKeys;
    const asksApplication = this.#settings.asksApplication();
    if (asksApplication !== this.#asksApplication) this.#snapshot = undefined;
    this.#asksApplication = asksApplication;
    if (this.#snapshot) return this.#snapshot;
    this.#snapshot = this.#take(now);
    this.#freshUntil = this.#ticketKeys?.freshUntil ?? Infinity;
    return this.#snapshot;
  }

  #configureAnew(): void {
    this.#configs = new Map();
    this.#snapshot = undefined;
  }

  #take(now: number): ContextSnapshot {
    const contexts = [...new Set([this.#default, ...this.#named.values()])];
    const indices = new Map(contexts.map((context, index) => [context, index]));
    const names = [...this.#named].flatMap(([name, context]) => [name, indices.get(context) ?? 0]);
    const configs = new Map(
      contexts.map((context) => [context, this.#configs.get(context) ?? this.#configure(context, now)]),
    );
    this.#configs = configs;
    const others = new WeakMap<SecureContext, NativeConfig>();
    const configure = (context: SecureContext): NativeConfig => {
      const config = configs.get(context) ?? others.get(context) ?? this.#configure(context, now);
      others.set(context, config);
      return config;
    };
    const native = new (addon().ServerContexts)([...configs.values()], names, this.#asksApplication);
    const named = new Map(this.#named);
    const first = this.#default;
    const find = (servername: string): SecureContext => {
      if (servername === '') return first;
      const name = servername.toLowerCase();
      const dot = name.indexOf('.');
      return named.get(name) ?? named.get(dot < 0 ? '*' : `*${name.slice(dot)}`) ?? first;
    };
    return { native, contexts, find, configure };
  }

  #configure(context: SecureContext, now: number): NativeConfig {
    const { alpnProtocols, clientCertificates } = this.#settings;
    const settings = this.#settingsOf(context, this.#floor);
    const verification = clientCertificates && {
      trust: this.#trustOf(context, settings),
      rejectUnauthorized: clientCertificates.rejectUnauthorized,
    };
    const tickets = this.#tickets(context, now);
    const logsKeys = this.#logsKeys;
    return makeConfig(context.identities, settings, { alpnProtocols, verification, tickets, logsKeys });
  }

  #settingsOf(context: SecureContext, floor: EffectiveSettings): EffectiveSettings {
    if (context.own === this.#default.own) return context.settings;
    refuseOtherServerOptions(context.own, this.#settings.serverOptions);
    return settingsWithin(floor, context.own);
  }

  /** One store for all contexts that name nobody. */
  #trustOf(context: SecureContext, { trust }: EffectiveSettings): NativeTrustStore {
    if (context.own === this.#default.own || !namesTrust(context.own.trust)) return this.#default.trust();
    const store = this.#trust.get(context) ?? trustStore(trust);
    this.#trust.set(context, store);
    return store;
  }

  /** What does not fit is said when it is given, and not at a connection. */
  #check(context: SecureContext, floor: EffectiveSettings): void {
    const settings = this.#settingsOf(context, floor);
    makeConfig(context.identities, settings);
    if (namesTrust(context.own.trust)) this.#trustOf(context, settings);
  }

  #tickets(context: SecureContext, now: number): NativeSessionTickets | undefined {
    const ticketKeys = this.#ticketKeys;
    if (!ticketKeys) return undefined;
    const purpose = this.#purposeOf(context);
    return {
      keys: ticketKeys.at(now).map((key) => deriveTicketKey(key, purpose)),
      sessionSeconds: this.#settings.sessions.timeout,
      encryptingSeconds: ticketKeys.turn,
      ticketsPerHandshake: TICKETS_PER_HANDSHAKE,
    };
  }

  /** The public keys that a session was authenticated by: a certificate that is renewed for the same key keeps its sessions. */
  #purposeOf({ identities }: SecureContext): Uint8Array {
    const hash = createHash('sha256').update(
      `s2n-pkey session ticket\0${this.#settings.sessions.idContext}\0`,
    );
    const fingerprints = identities.map(({ signer }) => publicKeyFingerprint(signer.publicKey));
    return hash.update(fingerprints.sort().join()).digest();
  }

  #requireTicketKeys(): TicketKeys {
    if (this.#ticketKeys) return this.#ticketKeys;
    throw new S2nPkeyError(
      'ERR_S2N_PKEY_NO_SESSION_TICKETS',
      'this server gives no session tickets (sessionTickets is false, or requestCert true), so it has no ticket keys',
    );
  }
}

/** What a server's default context says, with the versions that are left of its policy. */
function floorOf(context: SecureContext): EffectiveSettings {
  const { settings, identities } = context;
  const { minVersion, maxVersion } = makeConfig(identities, settings);
  return { ...settings, minVersion, maxVersion };
}

function secondsNow(): number {
  return Math.floor(Date.now() / 1000);
}
