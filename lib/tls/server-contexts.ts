import { createHash } from 'node:crypto';
import { S2nPkeyError } from '../errors.ts';
import { addon } from '../native/addon.ts';
import type {
  NativeConfig,
  NativeServerContexts,
  NativeSessionTickets,
  NativeTrustStore,
} from '../native/binding.ts';
import { publicKeyFingerprint } from '../signer/certificate-match.ts';
import { readContextName } from './context-name.ts';
import { withOcspResponse } from './identity.ts';
import type { ClientCertificates } from './peer-verification.ts';
import { createSecureContext, SecureContext, type SecureContextOptions } from './secure-context.ts';
import { readTicketKeys, type SessionSettings } from './session-options.ts';
import {
  deriveTicketKey,
  encryptingKey,
  GivenTicketKey,
  RotatingTicketKeys,
  type TicketKeys,
  type TicketKeySeed,
} from './ticket-keys.ts';
import { trustStore } from './trust.ts';

/** What all configurations of a server have in common. */
export interface ContextSettings {
  readonly alpnProtocols: readonly string[];
  readonly clientCertificates: ClientCertificates;
  readonly sessions: SessionSettings;
  /** JavaScript is asked about each client hello. */
  readonly asksApplication: boolean;
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
  /** Whom contexts trust that do not say. */
  #trust: NativeTrustStore | undefined;
  #ticketKeys: TicketKeys | undefined;
  /** Those of the last snapshot, which the next one goes on with unless what they have in common has changed. */
  #configs: ReadonlyMap<SecureContext, NativeConfig> = new Map();
  #snapshot: ContextSnapshot | undefined;
  /** Seconds since 1970: ticket keys are rotated by then. */
  #freshUntil = Infinity;
  #logsKeys = false;

  constructor(defaultContext: SecureContext, settings: ContextSettings) {
    this.#default = defaultContext;
    this.#settings = settings;
    this.#trust = defaultContext.trust;
    const { tickets, ticketKeys, timeout } = settings.sessions;
    if (!tickets) return;
    this.#ticketKeys = ticketKeys
      ? new GivenTicketKey(ticketKeys, secondsNow())
      : new RotatingTicketKeys(timeout);
  }

  /** @throws as `createSecureContext` and `readContextName`. */
  add(hostname: string, context: SecureContext | SecureContextOptions): void {
    const name = readContextName(hostname);
    this.#named.set(name, context instanceof SecureContext ? context : createSecureContext(context));
    this.#snapshot = undefined;
  }

  /** Options that do not say whom to trust leave that as it is. @throws as `createSecureContext`. */
  replaceDefault(options: SecureContext | SecureContextOptions): void {
    this.#default = options instanceof SecureContext ? options : createSecureContext(options);
    this.#trust = this.#default.trust ?? this.#trust;
    this.#configureAnew();
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
    this.#default = this.#default.withIdentities(([first, ...others]) => [
      ...(first ? [withOcspResponse(first, response)] : []),
      ...others,
    ]);
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
    const native = new (addon().ServerContexts)([...configs.values()], names, this.#settings.asksApplication);
    return { native, contexts, configure };
  }

  #configure(context: SecureContext, now: number): NativeConfig {
    const { alpnProtocols, clientCertificates } = this.#settings;
    const verification = clientCertificates && {
      trust: context.trust ?? this.#trust ?? trustStore({}),
      rejectUnauthorized: clientCertificates.rejectUnauthorized,
    };
    const tickets = this.#tickets(context, now);
    const logsKeys = this.#logsKeys;
    return new (addon().Config)({ ...context.configOptions, alpnProtocols, verification, tickets, logsKeys });
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

function secondsNow(): number {
  return Math.floor(Date.now() / 1000);
}
