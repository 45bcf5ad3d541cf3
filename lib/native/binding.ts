/**
 * The types of the native addon. Kept beside `binding/node/`: a change there is a change here. Nothing outside
 * `lib/native` names the addon.
 */

/** A private key in AWS-LC's memory; it signs what is already hashed, which Node's own crypto cannot. */
export interface NativeLocalKey {
  /** DER SubjectPublicKeyInfo (RFC 5280 §4.1.2.7). */
  publicKey(): Uint8Array;
  /** Signs `input` (a digest of the scheme's hash) under the scheme with this IANA code. Throws `{ code }` errors. */
  sign(schemeCode: number, input: Uint8Array): Uint8Array;
  /** Whether `signature` over `input` verifies under this key and scheme. */
  verify(schemeCode: number, input: Uint8Array, signature: Uint8Array): boolean;
}

export interface NativeLocalKeyConstructor {
  /** `pem`: PKCS#8, PKCS#1 or SEC 1, encrypted or not. Throws with code `ERR_S2N_PKEY_KEY_INVALID` or `ERR_S2N_PKEY_PASSPHRASE`. */
  new (pem: string, passphrase?: string): NativeLocalKey;
}

/** A certificate chain without its private key: immutable, shared by all configurations that present it. */
export type NativeCertificateChain = object;

export interface NativeCertificateChainConstructor {
  /** `pem`: the leaf first; `ocspResponse`: DER. Throws with code `ERR_S2N_PKEY_CERTIFICATE_INVALID`. */
  new (pem: string, ocspResponse?: Uint8Array): NativeCertificateChain;
}

export interface NativeIdentity {
  readonly chain: NativeCertificateChain;
  /** Signs on the engine's thread; absent: operations come as events. */
  readonly localKey?: NativeLocalKey;
}

/** Whom to trust: authorities and revocation lists. Immutable; shared by all configurations that use it. */
export interface NativeTrustStore {
  /** Indices of the `authorities` that `skipUnusable` left out. */
  readonly skipped: readonly number[];
}

export interface NativeTrustStoreOptions {
  /** PEM texts, each with one certificate or more. */
  readonly authorities: readonly string[];
  /** Leave out authorities that cannot be used, instead of throwing. */
  readonly skipUnusable?: boolean;
  /** PEM texts, each with one list or more. */
  readonly revocationLists: readonly string[];
  /** An authority need not be self-signed to end a chain. */
  readonly allowPartialChain: boolean;
  /** Clients that are asked for a certificate are told the authorities' names. */
  readonly namesAuthorities?: boolean;
}

export interface NativeTrustStoreConstructor {
  /** Throws with code `ERR_S2N_PKEY_CA_INVALID` or `ERR_S2N_PKEY_CRL_INVALID`. */
  new (options: NativeTrustStoreOptions): NativeTrustStore;
}

export interface NativePeerVerification {
  readonly trust: NativeTrustStore;
  /** A handshake fails when the peer's certificate does not verify, or a client has none. */
  readonly rejectUnauthorized: boolean;
}

/** An immutable TLS configuration; shared by all connections that use it. */
export interface NativeConfig {
  /** The lowest and highest version that a handshake can agree on, the policy's own limits included. */
  readonly minVersion: NativeVersion;
  readonly maxVersion: NativeVersion;
}

export type NativeVersion = 'TLSv1.2' | 'TLSv1.3';

export interface NativeConfigOptions {
  /** At most one for each kind of key. */
  readonly identities: readonly NativeIdentity[];
  /** s2n's name of a security policy. */
  readonly securityPolicy: string;
  /** What is negotiated of the policy's versions. */
  readonly minVersion: NativeVersion;
  readonly maxVersion: NativeVersion;
  /** In order of preference; empty: ALPN is not used. */
  readonly alpnProtocols: readonly string[];
  /** Absent: no certificate is asked for. */
  readonly verification?: NativePeerVerification | undefined;
  /** For clients; absent: for servers. */
  readonly client?: boolean;
  /** A client's: ask for a stapled OCSP response. */
  readonly requestOcsp?: boolean;
  /** Absent: no session tickets. */
  readonly tickets?: NativeSessionTickets | undefined;
  /** Secrets come with `onSecure` and `onFailed`, for a tool that decrypts the records. */
  readonly logsKeys?: boolean;
}

/** See `SessionTickets` in `binding/tls/session_tickets.h`. */
export interface NativeSessionTickets {
  /** 16 bytes of name and 32 of secret; `since` in seconds since 1970. */
  readonly keys: readonly { readonly bytes: Uint8Array; readonly since: number }[];
  readonly sessionSeconds: number;
  readonly encryptingSeconds: number;
  readonly ticketsPerHandshake: number;
}

export interface NativeConfigConstructor {
  /** Throws with code `ERR_S2N_PKEY_SECURITY_POLICY` or `ERR_S2N_PKEY_CONFIG`. */
  new (options: NativeConfigOptions): NativeConfig;
}

/** Which configuration a server uses for which name (SNI): immutable. */
export type NativeServerContexts = object;

export interface NativeServerContextsConstructor {
  /**
   * The first configuration is for clients that ask for no name, or for an unknown one. `names` in pairs: a name in lower
   * case, `*` for its whole first label, and the index of its configuration. `asksApplication`: each client hello comes as an event.
   */
  new (
    configs: readonly NativeConfig[],
    names: readonly (string | number)[],
    asksApplication: boolean,
  ): NativeServerContexts;
}

/** The descriptors of one server's connections that are open, with or without a socket of JavaScript's. */
export interface NativeDescriptorTally {
  count(): number;
}

export interface NativeDescriptorTallyConstructor {
  new (): NativeDescriptorTally;
}

/** What the engine counts, by the state of its connections. */
export interface EngineDiagnostics {
  threads: number;
  handshaking: number;
  awaitingSignature: number;
  open: number;
  /** Failed, silent until s2n's blinding delay has passed. */
  silent: number;
  /** Everything sent; waiting for the peer's FIN. */
  lingering: number;
  /** Held by the engine; JavaScript's end of each open connection is not among them. */
  descriptors: number;
  /** Private-key operations that were begun and not ended, one way or another: of the whole process, as the arena's bytes. */
  operations: number;
  /** CPU time of all engine threads. */
  cpuNanoseconds: number;
  /** Of s2n-tls and AWS-LC, in the process's locked arena: session secrets and keys, record buffers. */
  arenaBytesInUse: number;
  /** Kept out of swap by mlock(2), and out of core dumps. */
  arenaBytesLocked: number;
  /** Beyond the limit of locked memory (`ulimit -l`); above 0 it should be raised. */
  arenaBytesUnlocked: number;
  /** An engine thread did not answer within 100 ms: of it, these are the figures of the last time it did. */
  stale: boolean;
  /** Connections of this environment (the main thread, a worker) alone: those whose end it has not been told yet. */
  tracked: number;
}

/** Of the whole process, whatever they are open for. */
export interface DescriptorUsage {
  used: number;
  /** The soft limit (`ulimit -n`). Node raises it to the hard limit when it starts. */
  limit: number;
}

export interface NativeClientOptions {
  readonly config: NativeConfig;
  /** SNI; empty: none. */
  readonly serverName: string;
  /** The host name or address that the certificate must be for. Where it is not, a `JUDGE` event asks. */
  readonly verifiedName: string;
  /** A `JUDGE` event asks about every certificate that verifies. */
  readonly asks: boolean;
  /** A `SESSION` event's bytes, and the chain of the server that gave it. */
  readonly session?: Uint8Array;
  readonly sessionChain?: readonly Uint8Array[];
}

/** One JavaScript environment's end of the engine. */
export interface NativeEnvironment {
  /**
   * Begins a client's handshake over a duplicate of `fd`. `pair`, one end of a socketpair, becomes the engine's. Returns as
   * `adopt`.
   */
  connect(fd: number, pair: number, options: NativeClientOptions, handshakeTimeout: number): number;
  /** The answer to a `JUDGE` event. */
  judge(stream: number, accepted: boolean): void;
  /** Ends a handshake that nobody waits for any more; `CLOSED` follows. */
  cancel(stream: number): void;
  /**
   * RFC 5705, RFC 8446 §7.5. Undefined where the connection is not open, or it cannot be had; null where the engine's thread
   * does not answer within a second.
   */
  exportKeyingMaterial(
    stream: number,
    length: number,
    label: string,
    context: Uint8Array | undefined,
  ): Buffer | undefined | null;
  /**
   * Takes a duplicate of an accepted descriptor. Returns the stream's id, or a negative errno. `handshakeTimeout` in
   * milliseconds, 0: none. `tally` counts the duplicate until it is closed.
   */
  adopt(
    fd: number,
    contexts: NativeServerContexts,
    handshakeTimeout: number,
    tally: NativeDescriptorTally | undefined,
  ): number;
  /**
   * Events that no call has returned yet, flat (see `events.ts`): the first ones, up to `limit`; or all of one stream, which
   * then come before those of other streams.
   */
  drain(limit: number, stream?: number): unknown[];
  /**
   * The plaintext end of a stream whose handshake is done, once; -1: there is none. The caller owns it from then on. (A
   * descriptor that nobody took ends with the environment, whose JavaScript may be terminated at any point.) `held`: the
   * engine holds the end of the handshake until then, which it does in TLS 1.2.
   */
  takeDescriptor(stream: number, held: boolean): number;
  complete(stream: number, operation: number, signature: Uint8Array): void;
  /** Answers a client hello; see `StreamListener.onClientHello`. */
  chooseContext(stream: number, config: NativeConfig | undefined, protocol: string | undefined): void;
  /** Ends a handshake with an alert (RFC 8446 §6.2), or -1 for none. An open stream ends when its socket is destroyed. */
  destroy(stream: number, alert: number): void;
  /**
   * How the plaintext of a stream is to end, said before it does: with close_notify, or (what holds where nothing is said)
   * cut off. False also forgets a stream that has ended.
   */
  endsInOrder(stream: number, inOrder: boolean): void;
  /** RST. */
  reset(stream: number): void;
  setNoDelay(stream: number, on: boolean): void;
  setKeepAlive(stream: number, on: boolean, initialDelaySeconds: number): void;
  /** Keeps the event loop alive, or no longer. */
  ref(): void;
  unref(): void;
  /** Blocks until what was written has been handed to TCP, at most `milliseconds`. */
  deliver(milliseconds: number): boolean;
  /** False: the engine runs already. */
  setThreads(count: number): boolean;
  diagnostics(): Omit<EngineDiagnostics, 'tracked'>;
  /** Descriptors of the process in use, and its soft limit of them. */
  descriptorUsage(): DescriptorUsage;
  /** A duplicate of a listening descriptor for the caller to own, or a negative errno; and its backlog (0: unknown). */
  duplicateListener(fd: number): { fd: number; backlog: number };
  close(): void;
}

export interface NativeEnvironmentConstructor {
  /** `onEvents` is held while there are streams, and otherwise left to whoever made the environment. */
  new (onEvents: () => void): NativeEnvironment;
}

/** The addon's exports (`binding/node/addon.cc`). */
export interface Addon {
  readonly CertificateChain: NativeCertificateChainConstructor;
  readonly Config: NativeConfigConstructor;
  readonly DescriptorTally: NativeDescriptorTallyConstructor;
  readonly Environment: NativeEnvironmentConstructor;
  readonly LocalKey: NativeLocalKeyConstructor;
  readonly TrustStore: NativeTrustStoreConstructor;
  readonly ServerContexts: NativeServerContextsConstructor;
  /** Two connected Unix stream sockets, which the caller owns, or a negative errno. */
  readonly socketPair: () => [number, number] | number;
}
