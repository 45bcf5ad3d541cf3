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
import { FleetTicketKeys } from './fleet-ticket-keys.ts';
import {
  deriveTicketKey,
  encryptingKey,
  GivenTicketKeys,
  RotatingTicketKeys,
  type TicketKeys,
  type TicketKeySeed,
} from './ticket-keys.ts';
import { namesTrust, trustStore } from './trust.ts';

/** Settings that all configurations of a server share. */
export interface ContextSettings {
  /** The options that the server was created with. */
  readonly serverOptions: Parameters<typeof refuseOtherServerOptions>[1];
  readonly alpnProtocols: readonly string[];
  readonly clientCertificates: ClientCertificates;
  readonly sessions: SessionSettings;
  /** Whether JavaScript must be asked about each client hello now. */
  readonly asksApplication: () => boolean;
  /** Whether `'keylog'` has a listener now. */
  readonly logsKeys: () => boolean;
}

/** Milliseconds; longer ones run at once. */
const LONGEST_TIMER = 2 ** 31 - 1;
/** TLS 1.3 tickets: two, as in OpenSSL, so that a client that opens two connections at once can resume both. */
const TICKETS_PER_HANDSHAKE = 2;

/** The contexts of a server at one moment. A connection keeps those that it was accepted with. */
export interface ContextSnapshot {
  readonly native: NativeServerContexts;
  /** The first is the default: for clients that ask for no name, or for a name that was not added. */
  readonly contexts: readonly SecureContext[];
  /** The context for clients that ask for this name. The engine applies the same rule. */
  find(servername: string): SecureContext;
  /** The configuration for a context that `SNICallback` chose, which need not be one of `contexts`. */
  configure(context: SecureContext): NativeConfig;
}

/**
 * The contexts of one server, by the name that clients ask for. Changes apply to connections that are accepted afterwards.
 */
export class ServerContexts {
  readonly #settings: ContextSettings;
  readonly #named = new Map<string, SecureContext>();
  #default: SecureContext;
  /** The settings of the default context, with the versions that it negotiates. Other contexts can narrow them. */
  #floor: EffectiveSettings;
  /** The trust stores of contexts that set `ca`, `crl` or `allowPartialTrustChain`. */
  #trust = new WeakMap<SecureContext, NativeTrustStore>();
  #ticketKeys: TicketKeys | undefined;
  /** Configurations of the last snapshot. The next snapshot reuses them unless a shared setting has changed. */
  #configs: ReadonlyMap<SecureContext, NativeConfig> = new Map();
  /** Configurations of contexts that `SNICallback` chose. */
  #others: WeakRef<NativeConfig>[] = [];
  #snapshot: ContextSnapshot | undefined;
  /** When the ticket keys must be rotated, in seconds since 1970. */
  #freshUntil = Infinity;
  /** Of the ticket keys in the last snapshot. */
  #version = 0;
  /** Runs when the first of the ticket keys in the last snapshot is of no more use. */
  #expiry: NodeJS.Timeout | undefined;
  #logsKeys = false;
  #asksApplication = false;

  constructor(defaultContext: SecureContext, settings: ContextSettings) {
    this.#settings = settings;
    this.#default = defaultContext;
    this.#floor = floorOf(defaultContext);
    const { tickets, ticketKeys, timeout } = settings.sessions;
    if (!tickets) return;
    if (ticketKeys instanceof FleetTicketKeys) this.#ticketKeys = ticketKeys.keysFor(timeout);
    else if (ticketKeys) this.#ticketKeys = new GivenTicketKeys(ticketKeys, secondsNow());
    else this.#ticketKeys = new RotatingTicketKeys(timeout);
  }

  /**
   * Adds a context for a name. Options that it omits are those of the server.
   *
   * @throws The errors of `createSecureContext` and `readContextName`.
   */
  add(hostname: string, context: SecureContext | SecureContextOptions): void {
    const name = readContextName(hostname);
    const added = context instanceof SecureContext ? context : readSecureContext(context);
    this.#check(added, this.#floor);
    this.#named.set(name, added);
    this.#dropSnapshot();
  }

  /** Replaces the default context. Options that are omitted stay as they are. @throws The errors of `createSecureContext`. */
  replaceDefault(options: SecureContext | SecureContextOptions): void {
    const next = options instanceof SecureContext ? options : readSecureContext(options);
    refuseOtherServerOptions(next.own, this.#settings.serverOptions);
    this.restoreDefault(this.#default.withIdentities(next.identities).withSettingsOf(next));
  }

  /** Makes an earlier default context the default again. @throws The errors of `createSecureContext`. */
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
   * Replaces the certificates and signers for the kinds of key in `next`, and the settings that `next` has. Other certificates
   * and settings of the context stay.
   *
   * @param hostname The name of the context; undefined for the default one.
   * @param former The identities of the last renewal, which are removed whatever their kind of key is.
   */
  renew(hostname: string | undefined, next: SecureContext, former: readonly Identity[] = []): void {
    refuseOtherServerOptions(next.own, this.#settings.serverOptions);
    const context = hostname === undefined ? this.#default : this.#named.get(readContextName(hostname));
    const identities = renewIdentities(context?.identities ?? [], next.identities, former);
    const renewed = context?.withIdentities(identities).withSettingsOf(next) ?? next;
    if (hostname === undefined) this.replaceDefault(renewed);
    else this.add(hostname, renewed);
  }

  /** The context for clients that ask for no name, or for a name that was not added. */
  get default(): SecureContext {
    return this.#default;
  }

  /** All contexts, each with its name; undefined for the default one. */
  served(): { readonly servername: string | undefined; readonly context: SecureContext }[] {
    const named = [...this.#named].map(([servername, context]) => ({ servername, context }));
    return [{ servername: undefined, context: this.#default }, ...named];
  }

  /** Replaces the OCSP response (DER) of the first certificate; null removes it. @throws InvalidOptionError. */
  replaceOcspResponse(response: unknown): void {
    const [first, ...others] = this.#default.identities;
    if (!first) return;
    this.#default = this.#default.withIdentities([withOcspResponse(first, response), ...others]);
    this.#dropSnapshot();
  }

  /**
   * The 48 bytes that encrypt tickets now: 16 of name, 32 of secret.
   *
   * @throws S2nPkeyError `ERR_S2N_PKEY_NO_SESSION_TICKETS` if the server issues no tickets.
   */
  ticketKey(): Buffer {
    return Buffer.from(encryptingKey(this.#requireTicketKeys(), secondsNow()).bytes);
  }

  /** Replaces the ticket keys, which no longer rotate then. @throws InvalidOptionError; the error of `ticketKey`. */
  replaceTicketKey(keys: unknown): void {
    this.#requireTicketKeys();
    this.#ticketKeys = new GivenTicketKeys(readTicketKeys(keys), secondsNow());
    this.#configureAnew();
  }

  /** The seed for other processes that serve the same address; undefined without tickets, and with keys of the user. */
  ticketKeySeed(): TicketKeySeed | undefined {
    return this.#ticketKeys instanceof RotatingTicketKeys ? this.#ticketKeys.seed(secondsNow()) : undefined;
  }

  /** Uses the ticket keys of another process, unless the user has set keys. */
  followTicketKeys(seed: TicketKeySeed): void {
    if (!(this.#ticketKeys instanceof RotatingTicketKeys)) return;
    this.#ticketKeys = new RotatingTicketKeys(this.#settings.sessions.timeout, seed);
    this.#configureAnew();
  }

  /** The snapshot for the next connection. Created when it is first needed, so that a thousand calls of `add` build one table. */
  current(): ContextSnapshot {
    const now = secondsNow();
    const logsKeys = this.#settings.logsKeys();
    const version = this.#ticketKeys?.version ?? 0;
    if (now >= this.#freshUntil || version !== this.#version || logsKeys !== this.#logsKeys)
      this.#configureAnew();
    this.#version = version;
    this.#logsKeys = logsKeys;
    const asksApplication = this.#settings.asksApplication();
    if (asksApplication !== this.#asksApplication) this.#dropSnapshot();
    this.#asksApplication = asksApplication;
    if (this.#snapshot) return this.#snapshot;
    this.#snapshot = this.#take(now);
    this.#freshUntil = this.#ticketKeys?.freshUntil ?? Infinity;
    this.#awaitExpiry(now);
    return this.#snapshot;
  }

  /** Ticket keys are wiped when their last ticket has expired, even if no connection comes. */
  #awaitExpiry(now: number): void {
    clearTimeout(this.#expiry);
    const keys = this.#ticketKeys;
    if (!keys) return;
    const oldest = Math.min(...keys.at(now).map(({ since }) => since));
    const delay = (oldest + keys.turn + this.#settings.sessions.timeout - now) * 1000;
    if (!(delay <= LONGEST_TIMER)) return;
    const self = new WeakRef(this);
    const run = (): void => {
      const contexts = self.deref();
      if (contexts) contexts.#wipeExpired();
    };
    this.#expiry = setTimeout(run, Math.max(1000, delay)).unref();
  }

  #wipeExpired(): void {
    this.#configureAnew();
    const now = secondsNow();
    this.#ticketKeys?.at(now);
    this.#awaitExpiry(now);
  }

  /** Ticket keys must not stay in memory until the garbage collector runs. */
  #configureAnew(): void {
    for (const config of this.#configs.values()) config.release();
    for (const config of this.#others) config.deref()?.release();
    this.#configs = new Map();
    this.#others = [];
    this.#dropSnapshot();
  }

  #dropSnapshot(): void {
    this.#snapshot?.native.release();
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
      // A handshake may ask when the configurations that it began with have been given up.
      const known = this.#configs === configs ? (configs.get(context) ?? others.get(context)) : undefined;
      if (known) return known;
      const config = this.#configure(context, secondsNow());
      others.set(context, config);
      this.#others.push(new WeakRef(config));
      return config;
    };
    const asksApplication = this.#asksApplication;
    const native = new (addon().ServerContexts)([...configs.values()], names, asksApplication);
    const isCurrent = (): boolean => this.#snapshot?.find === find;
    const named = new Map(this.#named);
    const first = this.#default;
    const find = (servername: string): SecureContext => {
      if (servername === '') return first;
      const name = servername.toLowerCase();
      const dot = name.indexOf('.');
      return named.get(name) ?? named.get(dot < 0 ? '*' : `*${name.slice(dot)}`) ?? first;
    };
    return {
      ...{ contexts, find, configure },
      get native() {
        // A connection whose transport is ready late gets what it was accepted with, made again.
        if (isCurrent()) return native;
        return new (addon().ServerContexts)(contexts.map(configure), names, asksApplication);
      },
    };
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
    try {
      return makeConfig(context.identities, settings, { alpnProtocols, verification, tickets, logsKeys });
    } finally {
      for (const { bytes } of tickets?.keys ?? []) bytes.fill(0); // the configuration has copies
    }
  }

  #settingsOf(context: SecureContext, floor: EffectiveSettings): EffectiveSettings {
    if (context.own === this.#default.own) return context.settings;
    refuseOtherServerOptions(context.own, this.#settings.serverOptions);
    return settingsWithin(floor, context.own);
  }

  /** Contexts without trust options of their own share the store of the default context. */
  #trustOf(context: SecureContext, { trust }: EffectiveSettings): NativeTrustStore {
    if (context.own === this.#default.own || !namesTrust(context.own.trust)) return this.#default.trust();
    const store = this.#trust.get(context) ?? trustStore(trust);
    this.#trust.set(context, store);
    return store;
  }

  /** Throws now for a context that cannot be served, not at its first connection. */
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
      tls12: ticketKeys.tls12,
      ticketsPerHandshake: TICKETS_PER_HANDSHAKE,
    };
  }

  /** Binds tickets to the public keys of a context. A certificate that is renewed for the same key keeps its sessions. */
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

/** The settings of a default context, with the versions that its policy leaves. */
function floorOf(context: SecureContext): EffectiveSettings {
  const { settings, identities } = context;
  const { minVersion, maxVersion } = makeConfig(identities, settings);
  return { ...settings, minVersion, maxVersion };
}

function secondsNow(): number {
  return Math.floor(Date.now() / 1000);
}
