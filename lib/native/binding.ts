/**
 * The types of the native addon. They must match `binding/node/`: change both together. Nothing outside `lib/native` names
 * the addon.
 */
import type { Scheduling } from './scheduling.ts';

/** A private key in AWS-LC's memory. It signs input that is already hashed, or the µ of ML-DSA, which Node's own crypto cannot do. */
export interface NativeLocalKey {
  /** DER SubjectPublicKeyInfo (RFC 5280 §4.1.2.7). */
  publicKey(): Uint8Array;
  /** Signs `input` (a digest of the scheme's hash, or µ) under the scheme with this IANA code. Throws `{ code }` errors. */
  sign(schemeCode: number, input: Uint8Array): Uint8Array;
  /** Whether `signature` over `input` verifies under this key and scheme. */
  verify(schemeCode: number, input: Uint8Array, signature: Uint8Array): boolean;
  /**
   * The key as PKCS#8, encrypted for the RSA key `wrappingKey` (DER SubjectPublicKeyInfo) as `RSA_AES_KEY_WRAP_SHA_256` of AWS KMS. Its plain
   * bytes lie in the locked arena. Throws with code `ERR_S2N_PKEY_KEY_INVALID`.
   */
  wrap(wrappingKey: Uint8Array): Uint8Array;
}

export interface NativeLocalKeyConstructor {
  /** `pem`: PKCS#8, PKCS#1 or SEC 1, encrypted or not. Throws with code `ERR_S2N_PKEY_KEY_INVALID` or `ERR_S2N_PKEY_PASSPHRASE`. */
  new (pem: string | Uint8Array, passphrase?: string): NativeLocalKey;
  /** A new ML-DSA key of the level whose scheme has this IANA code: PKCS#8, DER. */
  generateMlDsa(schemeCode: number): Uint8Array;
}

/** A certificate chain without its private key: immutable, shared by all configurations that present it. */
export type NativeCertificateChain = object;

export interface NativeCertificateChainConstructor {
  /** `pem`: the leaf first; `ocspResponse`: DER. Throws with code `ERR_S2N_PKEY_CERTIFICATE_INVALID`. */
  new (pem: string, ocspResponse?: Uint8Array): NativeCertificateChain;
}

export interface NativeIdentity {
  readonly chain: NativeCertificateChain;
  /** Signs on the engine's thread. Absent: signatures are requested by events. */
  readonly localKey?: NativeLocalKey;
}

/** Trusted authorities, and revocation lists. Immutable; shared by all configurations that use it. */
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
  /** Certificate requests to clients include the authorities' names. */
  readonly namesAuthorities?: boolean;
}

export interface NativeTrustStoreConstructor {
  /** Throws with code `ERR_S2N_PKEY_CA_INVALID` or `ERR_S2N_PKEY_CRL_INVALID`. */
  new (options: NativeTrustStoreOptions): NativeTrustStore;
}

export interface NativePeerVerification {
  readonly trust: NativeTrustStore;
  /** A handshake fails if the peer's certificate does not verify, or a client has none. */
  readonly rejectUnauthorized: boolean;
}

/** An immutable TLS configuration; shared by all connections that use it. */
export interface NativeConfig {
  /** The lowest and highest version that a handshake can agree on, the policy's own limits included. */
  readonly minVersion: NativeVersion;
  readonly maxVersion: NativeVersion;
  /** Gives it up. Connections that have it keep it; then its ticket keys are wiped. */
  release(): void;
}

export type NativeVersion = 'TLSv1.2' | 'TLSv1.3';

export interface NativeConfigOptions {
  /** At most one for each kind of key. */
  readonly identities: readonly NativeIdentity[];
  /** s2n's name of a security policy. */
  readonly securityPolicy: string;
  /** The range of the policy's versions to negotiate. */
  readonly minVersion: NativeVersion;
  readonly maxVersion: NativeVersion;
  /** In order of preference; empty: ALPN is not used. */
  readonly alpnProtocols: readonly string[];
  /** Absent: no certificate is requested. */
  readonly verification?: NativePeerVerification | undefined;
  /** For clients; absent: for servers. */
  readonly client?: boolean;
  /** Clients only: request a stapled OCSP response. */
  readonly requestOcsp?: boolean;
  /** Absent: no session tickets. */
  readonly tickets?: NativeSessionTickets | undefined;
  /** `onSecure` and `onFailed` include the secrets that a tool needs to decrypt the records. */
  readonly logsKeys?: boolean;
}

/** See `SessionTickets` in `binding/tls/session_tickets.h`. */
export interface NativeSessionTickets {
  /** 16 bytes of name and 32 of secret; `since` in seconds since 1970. */
  readonly keys: readonly { readonly bytes: Uint8Array; readonly since: number }[];
  readonly sessionSeconds: number;
  readonly encryptingSeconds: number;
  /** Whether TLS 1.2 has tickets, too. */
  readonly tls12: boolean;
  readonly ticketsPerHandshake: number;
}

export interface NativeConfigConstructor {
  /** Throws with code `ERR_S2N_PKEY_SECURITY_POLICY` or `ERR_S2N_PKEY_CONFIG`. */
  new (options: NativeConfigOptions): NativeConfig;
}

/** Maps server names (SNI) to configurations. Immutable. */
export interface NativeServerContexts {
  /** As that of a configuration. */
  release(): void;
}

export interface NativeServerContextsConstructor {
  /**
   * The first configuration is for clients that send no name, or an unknown one. `names` has pairs: a name in lower case,
   * whose first label may be `*`, and the index of its configuration. `asksApplication`: report each client hello as an event.
   */
  new (
    configs: readonly NativeConfig[],
    names: readonly (string | number)[],
    asksApplication: boolean,
  ): NativeServerContexts;
}

/** Counts the open descriptors of one server's connections, with or without a JavaScript socket. */
export interface NativeDescriptorTally {
  count(): number;
}

export interface NativeDescriptorTallyConstructor {
  new (): NativeDescriptorTally;
}

/** Whose PROXY protocol headers are accepted, and whether each connection must have one. Immutable. */
export type NativeProxyPolicy = object;

export interface NativeProxyPolicyConstructor {
  /** `from`: addresses, networks such as `10.0.0.0/8`, or `unix`. */
  new (from: readonly string[], required: boolean): NativeProxyPolicy;
}

/** What the engine counts, by the state of its connections. */
export interface EngineDiagnostics {
  threads: number;
  handshaking: number;
  awaitingSignature: number;
  open: number;
  /** Failed; silent until s2n's blinding delay has passed. */
  silent: number;
  /** Everything sent; waiting for the peer's FIN. */
  lingering: number;
  /** Descriptors that the engine holds. JavaScript's end of each open connection is not included. */
  descriptors: number;
  /** Private-key operations that have started and neither completed nor failed, in the whole process. */
  operations: number;
  /** CPU time of all engine threads. */
  cpuNanoseconds: number;
  /** Bytes that s2n-tls and AWS-LC use in the process's locked arena: session secrets and keys, record buffers. */
  arenaBytesInUse: number;
  /** Bytes that mlock(2) keeps out of swap; core dumps exclude them too. */
  arenaBytesLocked: number;
  /** Bytes beyond the limit of locked memory. Above 0, raise the limit (`ulimit -l`). */
  arenaBytesUnlocked: number;
  /** An engine thread did not answer within 100 ms, so its figures are from the last time it did. */
  stale: boolean;
  /** Connections of this environment only (the main thread or a worker) whose last event has not been delivered. */
  tracked: number;
}

/** All descriptors of the process, whatever they are open for. */
export interface DescriptorUsage {
  used: number;
  /** The soft limit (`ulimit -n`). Node raises it to the hard limit when it starts. */
  limit: number;
}

export interface NativeClientOptions {
  readonly config: NativeConfig;
  /** SNI; empty: none. */
  readonly serverName: string;
  /** The host name or address that the certificate must match. If it does not, a `JUDGE` event asks. */
  readonly verifiedName: string;
  /** A `JUDGE` event asks about every certificate that verifies. */
  readonly asks: boolean;
  /** A `SESSION` event's bytes, and the chain of the server that gave it. */
  readonly session?: Uint8Array;
  readonly sessionChain?: readonly Uint8Array[];
}

/** Commands of JavaScript to one stream of the engine. */
export interface StreamCommands {
  /** The answer to a `PROXY_HEADER` event of a stream that asks. */
  admit(stream: number): void;
  /** Answers a client hello; see `StreamListener.onClientHello`. */
  chooseContext(stream: number, config: NativeConfig | undefined, protocol: string | undefined): void;
  complete(stream: number, operation: number, signature: Uint8Array): void;
  /** The answer to a `JUDGE` event. */
  judge(stream: number, accepted: boolean): void;
  /** Ends an abandoned handshake; `CLOSED` follows. */
  cancel(stream: number): void;
  /** Ends a handshake with an alert (RFC 8446 §6.2); -1: without one. An open stream ends when its socket is destroyed. */
  destroy(stream: number, alert: number): void;
  /**
   * Sets how a stream ends, before its plaintext does: with close_notify, or (the default) cut off. False also forgets a
   * stream that has ended.
   */
  endsInOrder(stream: number, inOrder: boolean): void;
  /** Closes the connection with RST. */
  reset(stream: number): void;
  setNoDelay(stream: number, on: boolean): void;
  setKeepAlive(stream: number, on: boolean, initialDelaySeconds: number): void;
}

/** One JavaScript environment's end of the engine. */
export interface NativeEnvironment extends StreamCommands {
  /**
   * Starts a client's handshake over a duplicate of `fd`. The engine owns `pair`, one end of a socketpair, from then on. It
   * returns the same as `adopt`.
   */
  connect(fd: number, pair: number, options: NativeClientOptions, handshakeTimeout: number): number;
  /**
   * Exports keying material (RFC 5705, RFC 8446 §7.5). Undefined if the connection is not open or cannot export it; null if
   * the engine's thread does not answer within a second.
   */
  exportKeyingMaterial(
    stream: number,
    length: number,
    label: string,
    context: Uint8Array | undefined,
  ): Buffer | undefined | null;
  /**
   * Duplicates an accepted descriptor and starts its handshake. Returns the stream's id, or a negative errno.
   * `handshakeTimeout` is in milliseconds, 0: none. `tally` counts the duplicate until it is closed. With `proxy`, a PROXY
   * protocol header comes first, from `carrierHost` if the descriptor has no address; `asks`: the handshake waits for `admit`.
   */
  adopt(
    fd: number,
    contexts: NativeServerContexts,
    handshakeTimeout: number,
    tally: NativeDescriptorTally | undefined,
    proxy?: NativeProxyPolicy,
    carrierHost?: string,
    asks?: boolean,
  ): number;
  /**
   * Returns pending events as a flat array (see `events.ts`): the first ones, up to `limit`, or all of one stream, which then
   * overtake those of other streams.
   */
  drain(limit: number, stream?: number): unknown[];
  /**
   * Returns the plaintext end of a stream whose handshake is done, once; -1: there is none. The caller owns it from then on.
   * The environment closes descriptors that were never taken, because its JavaScript may be terminated at any point. `held`:
   * the engine holds back the end of the handshake until this call, which it does in TLS 1.2.
   */
  takeDescriptor(stream: number, held: boolean): number;
  /** Keeps the event loop alive until `unref`. */
  ref(): void;
  unref(): void;
  /** Blocks until all writes have been handed to TCP, at most `milliseconds`. */
  deliver(milliseconds: number): boolean;
  /** Sets the number of engine threads. False: the engine already runs. */
  setThreads(count: number): boolean;
  /** How often the lock of the arena was taken since the start, and how often a thread had to wait for another one. */
  arenaLock(): { taken: number; waited: number };
  diagnostics(): Omit<EngineDiagnostics, 'tracked'>;
  /** Open descriptors of the process, and the soft limit. */
  descriptorUsage(): DescriptorUsage;
  /** Duplicates a listening descriptor, which the caller then owns. `fd` may be a negative errno; `backlog` 0 is unknown. */
  duplicateListener(fd: number): { fd: number; backlog: number };
  close(): void;
}

export interface NativeEnvironmentConstructor {
  /**
   * The environment references `onEvents` only while there are streams. Otherwise, the caller must keep it alive.
   * `scheduling` applies to the first environment of the process, whose engine the others share.
   */
  new (onEvents: () => void, scheduling: Scheduling): NativeEnvironment;
}

/** The addon's exports (`binding/node/addon.cc`). */
export interface Addon {
  readonly CertificateChain: NativeCertificateChainConstructor;
  readonly Config: NativeConfigConstructor;
  readonly DescriptorTally: NativeDescriptorTallyConstructor;
  readonly Environment: NativeEnvironmentConstructor;
  readonly LocalKey: NativeLocalKeyConstructor;
  readonly ProxyPolicy: NativeProxyPolicyConstructor;
  readonly TrustStore: NativeTrustStoreConstructor;
  readonly ServerContexts: NativeServerContextsConstructor;
  /** Creates two connected Unix stream sockets, which the caller owns. Returns a negative errno on failure. */
  readonly socketPair: () => [number, number] | number;
  /** Ends one direction of a socket: its peer reads the end after what was written before. */
  readonly endWriting: (fd: number) => void;
  /** Whether a read from a socket would give something now: bytes, the end, or an error. */
  readonly isReadable: (fd: number) => boolean;
  /**
   * Who connected to a Unix socket, as the kernel noted it then (`SO_PEERCRED`, `SO_PEERGROUPS`): process id, user, group, then the
   * supplementary groups. Returns a negative errno on failure.
   */
  readonly peerCredentials: (fd: number) => number[] | number;
  /** Sends one datagram to a Unix socket; `@` begins an abstract name. Returns 0, or a negative errno. */
  readonly sendDatagram: (path: string, text: string) => number;
}
