import type { X509Certificate } from 'node:crypto';
import { Socket } from 'node:net';
import { TLSSocket, type DetailedPeerCertificate, type PeerCertificate } from 'node:tls';
import { S2nPkeyError } from '../../errors.ts';
import type { Engine } from '../../native/engine.ts';
import { isSecure, type Failure, type FailedHandshakeFacts } from '../../native/events.ts';
import type { HandshakeFacts, HandshakeTiming, PeerFacts } from '../../native/events.ts';
import { signatureSchemeByCode, type SignatureScheme } from '../../signers/signature-scheme.ts';
import { connectionError } from './connection-error.ts';
import { afterwards, endWriting } from './afterwards.ts';
import { defineAddresses } from './address-properties.ts';
import { CertificateChain } from '../context/certificate-chain.ts';
import { cipherInfoOf, type CipherInfo } from './cipher-info.ts';
import { ephemeralKeyOf } from './ephemeral-key.ts';
import { exportMaterial } from './keying-material.ts';
import { isSystemError, replaceErrored, setConnecting } from '../node/node-internals.ts';
import { closeAsWithDescriptor, defineSecureEstablished } from '../node/node-wrapper.ts';
import { failAtEnd, leaveListeners } from '../node/node-wrapper.ts';
import { closeOnceTaken } from './last-write.ts';
import type { ProxyProtocolHeader } from './proxy-header.ts';
import { netSocketOptions, type ClientHooks, type TlsSocketOptions } from './tls-socket-options.ts';
import { defineUnsupported, unsupported } from './unsupported-methods.ts';
import { UnsentWrites, type Chunk, type WriteCallback } from './unsent-writes.ts';

/**
 * The plaintext side of a TLS connection: a `net.Socket` on one end of a socketpair, whose other end the engine reads and
 * writes. To Node's http and http2 it *is* a native socket. The engine handles what concerns the TCP connection: addresses,
 * `setNoDelay`, RST. Properties and methods of `tls.TLSSocket` mean the same here.
 */
export class TlsSocket extends Socket {
  /** Always true, as in `tls.TLSSocket`. */
  readonly encrypted = true;
  /** The header of a server with `proxyProtocol`, whose client the addresses are then of; undefined without one. */
  declare readonly proxyProtocol: ProxyProtocolHeader | undefined;
  /** Whether the peer presented a certificate that verified. False if none was requested. */
  authorized: boolean;
  /**
   * Why a peer that was asked for a certificate is not `authorized`: OpenSSL's name, such as `CERT_HAS_EXPIRED`, as in
   * node:tls. `UNSPECIFIED`: the peer has no certificate.
   */
  authorizationError: string | null;
  /** The protocol selected by ALPN, or false. A client knows it from `'secureConnect'` on. */
  alpnProtocol: string | false;
  /** The name that the client requested (SNI), or false. */
  servername: string | false;
  /** Clients only: true until `'secureConnect'`. */
  secureConnecting: boolean;
  readonly #engine: Engine;
  readonly #client: ClientHooks | undefined;
  #stream: number;
  #facts: PeerFacts;
  #ownCertificate = new CertificateChain([]);
  #peerCertificates = new CertificateChain([]);
  #session: Buffer | undefined;
  #unsent: UnsentWrites | undefined; // clients only, until the handshake is done
  #heard = false;
  #noDelay = true;
  #transport: Socket | undefined;
  #failure: Error | undefined;
  /** The peer ended in order before the connection failed, so only later writes get the error. */
  #endsFirst = false;
  #over = false;
  #delivering = false;
  #truncated = false;
  #ending = false;
  #halfClosing = false;
  #resetting = false;
  #taken: (() => void) | undefined;

  /** @internal Only the package creates sockets. `fd` is the plaintext end; undefined if the handshake failed. */
  constructor(engine: Engine, stream: number, facts: PeerFacts, options: TlsSocketOptions) {
    super(netSocketOptions(options, (socket) => (socket as TlsSocket).#hear()));
    const { fd, certificate, client, pauseOnCreate } = options;
    this.#engine = engine;
    this.#stream = stream;
    this.#facts = facts;
    this.#client = client;
    this.#session = client?.session && Buffer.from(client.session);
    this.#unsent = client && new UnsentWrites();
    this.authorized = false;
    this.authorizationError = null;
    this.alpnProtocol = false;
    this.servername = false;
    this.secureConnecting = client !== undefined;
    // A client's connection starts when the engine has its descriptor.
    this.#over = fd === undefined || client !== undefined;
    if (client === undefined) this.#learn(facts, certificate);
    leaveListeners(this, client ? 'client' : 'server');
    if (pauseOnCreate) this.pause();
  }

  #learn(facts: PeerFacts, certificate?: string): void {
    const { remote, local } = this.#facts; // known earlier if the caller passed the connection
    this.#facts = facts.remote.family === 0 ? { ...facts, remote, local } : facts;
    if (certificate !== undefined) this.#ownCertificate = new CertificateChain([certificate]);
    this.#peerCertificates = new CertificateChain(facts.peer.chain);
    const { verification: result } = facts.peer;
    this.authorized = isSecure(facts) && result === 'OK';
    this.authorizationError = result === '' || result === 'OK' ? null : result;
    this.alpnProtocol = facts.alpnProtocol || false;
    this.servername = facts.servername || false;
  }

  /** `'TLSv1.2'` or `'TLSv1.3'`; null if the handshake failed. */
  getProtocol(): string | null {
    return isSecure(this.#facts) ? this.#facts.protocol : null;
  }

  /** The cipher suite; undefined if the handshake failed. */
  getCipher(): CipherInfo | undefined {
    return isSecure(this.#facts) ? cipherInfoOf(this.#facts) : undefined;
  }

  /** The group of the key exchange, such as `X25519MLKEM768` or `secp256r1`; null if the handshake failed. */
  get keyExchangeGroup(): string | null {
    return isSecure(this.#facts) ? this.#facts.group : null;
  }

  /** IANA code of the signature scheme that the certificate's key signed with; 0 if nothing was signed. */
  get signatureSchemeCode(): number {
    return isSecure(this.#facts) ? this.#facts.signatureScheme : 0;
  }

  /** IANA name of that signature scheme, such as `ecdsa_secp256r1_sha256`; null if nothing was signed. */
  get signatureScheme(): SignatureScheme | null {
    return signatureSchemeByCode(this.signatureSchemeCode)?.name ?? null;
  }

  /** Times of the handshake's steps, in microseconds since the connection was accepted; null if the handshake failed. */
  get handshakeTiming(): HandshakeTiming | null {
    return isSecure(this.#facts) ? this.#facts.timing : null;
  }

  /** Whether the handshake resumed a session, so that nothing was signed. */
  isSessionReused(): boolean {
    return isSecure(this.#facts) && this.#facts.resumed;
  }

  /**
   * Whether the peer ended with a bare FIN, without TLS's close_notify. Then data may be missing, because anyone who can cut
   * the TCP connection can send FIN (RFC 8446 §6.1). Known from `'end'` on. node:tls also ends, but does not report this.
   */
  get endedWithoutCloseNotify(): boolean {
    return this.#truncated;
  }

  /** The peer's certificate as node:tls shows it; `{}` if it has none. `detailed` adds the chain as `issuerCertificate`. */
  getPeerCertificate(detailed: true): DetailedPeerCertificate;
  getPeerCertificate(detailed?: boolean): PeerCertificate;
  getPeerCertificate(detailed = false): PeerCertificate {
    return this.#peerCertificates.legacyObject(detailed) as PeerCertificate;
  }

  getPeerX509Certificate(): X509Certificate | undefined {
    return this.#peerCertificates.leaf;
  }

  /** This side's own certificate, in the format of `getPeerCertificate`. */
  getCertificate(): PeerCertificate | object {
    return this.#ownCertificate.legacyObject(false);
  }

  getX509Certificate(): X509Certificate | undefined {
    return this.#ownCertificate.leaf;
  }

  /** The key exchange, as node:tls reports it to a client; null on a server. `keyExchangeGroup` works on both. */
  getEphemeralKeyInfo(): ReturnType<typeof ephemeralKeyOf> | null {
    if (!this.#client || !isSecure(this.#facts)) return null;
    return ephemeralKeyOf(this.#facts.group);
  }

  /** A client's last session, which a later connection can resume; it holds secrets. Undefined before one arrives. */
  getSession(): Buffer | undefined {
    return this.#session;
  }

  /**
   * Returns `length` bytes of keying material that only the two ends know (RFC 5705). Blocks until the engine thread answers.
   *
   * @throws S2nPkeyError `ERR_TLS_INVALID_STATE` if the connection is not open, `ERR_S2N_PKEY_ENGINE_BUSY` after a second.
   */
  exportKeyingMaterial(length: number, label: string, context?: Uint8Array): Buffer {
    const stream = isSecure(this.#facts) && !this.#over && !this.destroyed ? this.#stream : undefined;
    return exportMaterial(this.#engine, stream, length, label, context);
  }

  /** Sets a client's server name (SNI). Call it before the handshake starts. */
  setServername(name: string): void {
    if (!this.#client) {
      throw new S2nPkeyError('ERR_TLS_SNI_FROM_SERVER', 'Cannot issue SNI from a TLS server-side socket');
    }
    this.#client.onServername(name);
  }

  disableRenegotiation(): void {
    // s2n-tls never renegotiates.
  }

  /** Returns false and calls back with an error: s2n-tls never renegotiates, like TLS 1.3. */
  renegotiate(_options: object, callback?: (error: Error) => void): boolean {
    if (callback) process.nextTick(callback, unsupported('renegotiate', 's2n-tls never renegotiates'));
    return false;
  }

  override setNoDelay(noDelay = true): this {
    this.#noDelay = noDelay;
    this.#transport?.setNoDelay(noDelay);
    if (!this.#over) this.#engine.commands.setNoDelay(this.#stream, noDelay);
    return this;
  }

  /** `initialDelay` in milliseconds, as in `net.Socket`. */
  override setKeepAlive(enable = false, initialDelay = 0): this {
    this.#transport?.setKeepAlive(enable, initialDelay);
    if (!this.#over)
      this.#engine.commands.setKeepAlive(this.#stream, enable, Math.floor(initialDelay / 1000));
    return this;
  }

  /** Closes the TCP connection with RST and destroys the socket. */
  override resetAndDestroy(): this {
    this.#resetting = true;
    if (!this.#over) this.#engine.commands.reset(this.#stream);
    return this.destroy();
  }

  /** @internal */
  override _write(chunk: unknown, encoding: BufferEncoding, callback: WriteCallback): void {
    super._write(chunk, encoding, this.#unsent?.hold(callback) ?? afterwards(callback));
  }

  /** @internal */
  override _writev(chunks: Chunk[], callback: WriteCallback): void {
    super._writev?.(chunks, this.#unsent?.hold(callback) ?? afterwards(callback));
  }

  /** Delivers a client's handshake and session events before the data that follows them. */
  #hear(): void {
    if (!this.#client || this.#heard || this.#over) return;
    this.#heard = true;
    this.#engine.dispatchOf(this.#stream);
  }

  /** @internal Null is the end of the plaintext. If the connection failed, its event is delivered before the end. */
  override push(chunk: unknown, encoding?: BufferEncoding): boolean {
    this.#hear();
    if (chunk === null) {
      if (!this.#over) this.#engine.dispatchOf(this.#stream);
      if (this.#failure && !this.#endsFirst) {
        this.destroy(this.#failure);
        return false;
      }
    }
    return super.push(chunk, encoding);
  }

  /** An error of the plaintext's descriptor only shows that the connection failed. The engine's failure replaces it. */
  override destroy(error?: Error): this {
    if (error && !this.destroyed && isSystemError(error)) {
      if (!this.#over) this.#engine.dispatchOf(this.#stream);
      if (this.#endsFirst && error.syscall === 'read') {
        this.push(null);
        this.read(0);
        return this;
      }
      if (this.#failure) replaceErrored(this, error, this.#failure);
      return super.destroy(this.#failure ?? error);
    }
    return super.destroy(error);
  }

  /** @internal */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#client?.onDestroy();
    this.#transport?.destroy();
    this.#transport = undefined;
    this.secureConnecting = false;
    // The engine must still deliver earlier writes, so the process stays alive until then.
    this.#delivering = !this.#over;
    if (this.#delivering) {
      this.#engine.hold();
      if (!this.#unsent && !this.#resetting) {
        this.#taken = closeOnceTaken(this, this.#halfClosing, () => {
          if (this.#ending && !this.#over) this.#engine.commands.endsInOrder(this.#stream, false);
        });
      }
    }
    closeAsWithDescriptor(this);
    super._destroy(error, callback);
    this.#unsent?.fail(error);
  }

  /** @internal After `end()` and all earlier writes: close_notify marks the end for the peer. */
  override _final(callback: (error?: Error | null) => void): void {
    this.#ending = true;
    if (!this.#over) this.#engine.commands.endsInOrder(this.#stream, true);
    endWriting(this, () => {
      if (this.destroyed) return; // `_destroy` has ended the pair.
      this.#halfClosing = true;
      super._final((error) => {
        this.#taken?.();
        callback(error);
      });
    });
  }

  /** @internal */
  connectionBroke(failure: Failure, afterEnd: boolean): void {
    this.#failure ??= connectionError(failure);
    this.#endsFirst = afterEnd;
  }

  /** @internal Clients only: the TCP connection is being established. */
  transportConnecting(transport: Socket): void {
    this.#transport = transport;
    setConnecting(this, true);
  }

  /** @internal As in node:tls, no `'ready'` if the caller passed the connection (`given`). */
  transportConnected(given: boolean): void {
    this.#transport = undefined;
    setConnecting(this, false);
    this.emit('connect');
    if (!given) this.emit('ready');
  }

  /** @internal Clients only: the engine has the descriptor. */
  transportAdopted(stream: number, { remote, local }: Pick<PeerFacts, 'remote' | 'local'>): void {
    this.#stream = stream;
    this.#facts = { ...this.#facts, remote, local };
    this.#over = false;
    if (this.#ending) this.#engine.commands.endsInOrder(stream, true);
    if (!this.#noDelay) this.setNoDelay(false);
  }

  /** @internal Clients only. `identityError`: the certificate is for another name, but `rejectUnauthorized` is off. */
  handshakeDone(
    facts: HandshakeFacts,
    certificate: string | undefined,
    identityError: Error | undefined,
  ): void {
    this.#learn(facts, certificate);
    if (identityError) {
      this.authorized = false;
      const { code } = identityError as NodeJS.ErrnoException;
      this.authorizationError = code ?? identityError.message;
    }
    this.secureConnecting = false;
    this.#unsent?.send();
    this.#unsent = undefined;
  }

  /** @internal */
  handshakeFailed(facts: FailedHandshakeFacts): void {
    this.#learn(facts);
    this.connectionClosed();
  }

  /** @internal The peer ended during the handshake, which fails with `error`. As in node:tls, `'end'` comes first. */
  endedInHandshake(error: Error): void {
    this.#failure = error;
    this.#endsFirst = true;
    failAtEnd(this, () => super.destroy(error));
    super.push(null);
    this.read(0);
  }

  /** @internal */
  sessionGiven(session: Buffer): void {
    this.#session = session;
    this.emit('session', session);
  }

  /** @internal The stream underneath is gone; `error` is the cause. */
  transportLost(error: Error | undefined): void {
    if (error) this.#failure = error;
    this.destroy(error);
  }

  /** @internal */
  connectionTruncated(): void {
    this.#truncated = true;
  }

  /** @internal */
  connectionClosed(): void {
    this.#over = true;
    if (this.#delivering) this.#engine.release();
    this.#delivering = false;
  }

  static {
    // Makes `instanceof tls.TLSSocket` true, for http2 and grpc-js. All its methods are overridden; none of them runs.
    Object.setPrototypeOf(this.prototype, TLSSocket.prototype);
    defineUnsupported(this.prototype);
    defineSecureEstablished(this.prototype, (socket) => isSecure((socket as TlsSocket).#facts));
    defineAddresses(this.prototype, (socket) => (socket as TlsSocket).#facts);
  }
}
