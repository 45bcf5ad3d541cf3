import type { X509Certificate } from 'node:crypto';
import { Socket } from 'node:net';
import { TLSSocket, type DetailedPeerCertificate, type PeerCertificate } from 'node:tls';
import { S2nPkeyError } from '../../errors.ts';
import type { Engine } from '../../native/engine.ts';
import type { Failure, FailedHandshakeFacts, HandshakeFacts, HandshakeTiming } from '../../native/events.ts';
import { isSecure, type PeerFacts } from '../../native/events.ts';
import { signatureSchemeByCode, type SignatureScheme } from '../../signers/signature-scheme.ts';
import { connectionError } from './connection-error.ts';
import { afterwards } from './afterwards.ts';
import { defineAddresses } from './address-properties.ts';
import { CertificateChain } from '../context/certificate-chain.ts';
import type { CipherInfo } from './cipher-info.ts';
import { ephemeralKeyOf } from './ephemeral-key.ts';
import { exportMaterial } from './keying-material.ts';
import { isSystemError, replaceErrored, setConnecting } from '../node/node-internals.ts';
import {
  closeAsWithDescriptor,
  defineSecureEstablished,
  failAtEnd,
  leaveListeners,
} from '../node/node-wrapper.ts';
import { closeOnceTaken } from './last-write.ts';
import { netSocketOptions, type ClientHooks, type TlsSocketOptions } from './tls-socket-options.ts';
import { defineUnsupported, unsupported } from './unsupported-methods.ts';
import { UnsentWrites, type Chunk, type WriteCallback } from './unsent-writes.ts';

/**
 * The plaintext side of a TLS connection: a `net.Socket` on one end of a socketpair, whose other end the engine pumps. To
 * Node's http and http2 it *is* a native socket; what concerns the TCP connection (addresses, `setNoDelay`, RST) goes to
 * the engine. Properties and methods that `tls.TLSSocket` has mean the same here.
 */
export class TlsSocket extends Socket {
  /** Always true, as in `tls.TLSSocket`. */
  readonly encrypted = true;
  /** Whether the peer showed a certificate that verified. False where none was asked for. */
  authorized: boolean;
  /**
   * Why a peer is not `authorized` though it was asked for a certificate: OpenSSL's name, such as `CERT_HAS_EXPIRED`, as in
   * node:tls. `UNSPECIFIED`: it has none.
   */
  authorizationError: string | null;
  /** The protocol agreed on by ALPN, or false. A client's is known at `'secureConnect'`. */
  alpnProtocol: string | false;
  /** The name the client asked for (SNI), or false. */
  servername: string | false;
  /** A client's: until `'secureConnect'`. */
  secureConnecting: boolean;
  readonly #engine: Engine;
  readonly #client: ClientHooks | undefined;
  #stream: number;
  #facts: PeerFacts;
  #ownCertificate = new CertificateChain([]);
  #peerCertificates = new CertificateChain([]);
  #session: Buffer | undefined;
  #unsent: UnsentWrites | undefined; // a client's, until its handshake is done
  #heard = false;
  #noDelay = true;
  #transport: Socket | undefined;
  #failure: Error | undefined;
  /** The peer ended in order before the connection broke: that is for those who write on. */
  #endsFirst = false;
  #over = false;
  #delivering = false;
  #truncated = false;
  #ending = false;
  #resetting = false;
  #taken: (() => void) | undefined;

  /** @internal Made by the package: `fd` is the plaintext end, undefined for a connection whose handshake failed. */
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
    // A client's begins when the engine has its descriptor.
    this.#over = fd === undefined || client !== undefined;
    if (client === undefined) this.#learn(facts, certificate);
    leaveListeners(this, client ? 'client' : 'server');
    if (pauseOnCreate) this.pause();
  }

  #learn(facts: PeerFacts, certificate?: string): void {
    const { remote, local } = this.#facts; // known before where the connection was given
    this.#facts = facts.remote.family === 0 ? { ...facts, remote, local } : facts;
    if (certificate !== undefined) this.#ownCertificate = new CertificateChain([certificate]);
    this.#peerCertificates = new CertificateChain(facts.peer.chain);
    const { verification } = facts.peer;
    this.authorized = isSecure(facts) && verification === 'OK';
    this.authorizationError = verification === '' || verification === 'OK' ? null : verification;
    this.alpnProtocol = facts.alpnProtocol || false;
    this.servername = facts.servername || false;
  }

  /** `'TLSv1.2'` or `'TLSv1.3'`; null where the handshake failed. */
  getProtocol(): string | null {
    return isSecure(this.#facts) ? this.#facts.protocol : null;
  }

  getCipher(): CipherInfo | undefined {
    if (!isSecure(this.#facts)) return undefined;
    const { cipher: name, cipherStandardName: standardName, protocol: version } = this.#facts;
    return { name, standardName, version };
  }

  /** The group of the key exchange, such as `X25519MLKEM768` or `secp256r1`; null where the handshake failed. */
  get keyExchangeGroup(): string | null {
    return isSecure(this.#facts) ? this.#facts.group : null;
  }

  /** IANA code of the signature scheme the certificate's key signed with; 0 where nothing was signed. */
  get signatureSchemeCode(): number {
    return isSecure(this.#facts) ? this.#facts.signatureScheme : 0;
  }

  /** The IANA name of that scheme, such as `ecdsa_secp256r1_sha256`; null where nothing was signed. */
  get signatureScheme(): SignatureScheme | null {
    return signatureSchemeByCode(this.signatureSchemeCode)?.name ?? null;
  }

  /** When things happened in the handshake, in microseconds since the connection was accepted. */
  get handshakeTiming(): HandshakeTiming | null {
    return isSecure(this.#facts) ? this.#facts.timing : null;
  }

  isSessionReused(): boolean {
    return isSecure(this.#facts) && this.#facts.resumed;
  }

  /**
   * Whether the peer's end came as a bare FIN, without TLS's own close_notify: whoever can cut the TCP connection may have cut
   * off what was still to come (RFC 8446 §6.1). Known from `'end'` on; node:tls ends the same way and does not tell.
   */
  get endedWithoutCloseNotify(): boolean {
    return this.#truncated;
  }

  /**
   * The peer's certificate as node:tls shows it; `{}` where it has none. `detailed` adds the chain as `issuerCertificate`.
   */
  getPeerCertificate(detailed: true): DetailedPeerCertificate;
  getPeerCertificate(detailed?: boolean): PeerCertificate;
  getPeerCertificate(detailed = false): PeerCertificate {
    return this.#peerCertificates.legacyObject(detailed) as PeerCertificate;
  }

  getPeerX509Certificate(): X509Certificate | undefined {
    return this.#peerCertificates.leaf;
  }

  /** This side's own certificate, as `getPeerCertificate` shows the peer's. */
  getCertificate(): PeerCertificate | object {
    return this.#ownCertificate.legacyObject(false);
  }

  getX509Certificate(): X509Certificate | undefined {
    return this.#ownCertificate.leaf;
  }

  /** The key exchange, as node:tls tells a client; null on a server. See `keyExchangeGroup` for both. */
  getEphemeralKeyInfo(): ReturnType<typeof ephemeralKeyOf> | null {
    if (!this.#client || !isSecure(this.#facts)) return null;
    return ephemeralKeyOf(this.#facts.group);
  }

  /** A client's last session, which a later connection can resume; it holds secrets. Undefined before one has come. */
  getSession(): Buffer | undefined {
    return this.#session;
  }

  /**
   * Keying material for protocols above TLS (RFC 5705, RFC 8446 §7.5): `length` bytes that only this connection's two ends
   * know. It waits for the engine's thread.
   *
   * @throws S2nPkeyError `ERR_TLS_INVALID_STATE` while the connection is not open.
   */
  exportKeyingMaterial(length: number, label: string, context?: Uint8Array): Buffer {
    const open = isSecure(this.#facts) && !this.#over && !this.destroyed;
    return exportMaterial(this.#engine, open ? this.#stream : undefined, length, label, context);
  }

  /** Of a client, before its handshake begins. */
  setServername(name: string): void {
    if (!this.#client) {
      throw new S2nPkeyError('ERR_TLS_SNI_FROM_SERVER', 'Cannot issue SNI from a TLS server-side socket');
    }
    this.#client.onServername(name);
  }

  /** s2n-tls never renegotiates. */
  disableRenegotiation(): void {
    // Nothing to do: there is none.
  }

  /** Always false, and an error for the callback: s2n-tls never renegotiates, as TLS 1.3 does not. */
  renegotiate(_options: object, callback?: (error: Error) => void): boolean {
    if (callback) process.nextTick(callback, unsupported('renegotiate', 's2n-tls never renegotiates'));
    return false;
  }

  override setNoDelay(noDelay = true): this {
    this.#noDelay = noDelay;
    this.#transport?.setNoDelay(noDelay);
    if (!this.#over) this.#engine.setNoDelay(this.#stream, noDelay);
    return this;
  }

  /** `initialDelay` in milliseconds, as in `net.Socket`. */
  override setKeepAlive(enable = false, initialDelay = 0): this {
    this.#transport?.setKeepAlive(enable, initialDelay);
    if (!this.#over) this.#engine.setKeepAlive(this.#stream, enable, Math.floor(initialDelay / 1000));
    return this;
  }

  /** Closes the TCP connection with RST and destroys the socket. */
  override resetAndDestroy(): this {
    this.#resetting = true;
    if (!this.#over) this.#engine.reset(this.#stream);
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

  /** A client hears of its handshake, and of sessions, before what came after them. */
  #hear(): void {
    if (!this.#client || this.#heard || this.#over) return;
    this.#heard = true;
    this.#engine.dispatchOf(this.#stream);
  }

  /** @internal The end of the plaintext. What broke the connection, if anything did, was told before it. */
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

  /** With an error of the plaintext's descriptor: it only says that the connection broke, and what broke it says why. */
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
    // What was written is the engine's to deliver: the process stays until it has been.
    this.#delivering = !this.#over;
    if (this.#delivering) {
      this.#engine.hold();
      if (!this.#unsent && !this.#resetting) {
        this.#taken = closeOnceTaken(this, this.#ending, () => {
          if (this.#ending && !this.#over) this.#engine.endsInOrder(this.#stream, false);
        });
      }
    }
    closeAsWithDescriptor(this);
    super._destroy(error, callback);
    this.#unsent?.fail(error);
  }

  /** @internal `end()`, with everything written before: the peer is told that this was all (close_notify). */
  override _final(callback: (error?: Error | null) => void): void {
    this.#ending = true;
    if (!this.#over) this.#engine.endsInOrder(this.#stream, true);
    super._final((error) => {
      this.#taken?.();
      afterwards(callback)(error);
    });
  }

  /** @internal */
  connectionBroke(failure: Failure, afterEnd: boolean): void {
    this.#failure ??= connectionError(failure);
    this.#endsFirst = afterEnd;
  }

  /** @internal A client's TCP connection is being made. */
  transportConnecting(transport: Socket): void {
    this.#transport = transport;
    setConnecting(this, true);
  }

  /** @internal Without `'ready'` where the connection was given, as in node:tls. */
  transportConnected(given: boolean): void {
    this.#transport = undefined;
    setConnecting(this, false);
    this.emit('connect');
    if (!given) this.emit('ready');
  }

  /** @internal The engine has a client's descriptor. */
  transportAdopted(stream: number, { remote, local }: Pick<PeerFacts, 'remote' | 'local'>): void {
    this.#stream = stream;
    this.#facts = { ...this.#facts, remote, local };
    this.#over = false;
    if (this.#ending) this.#engine.endsInOrder(stream, true);
    if (!this.#noDelay) this.setNoDelay(false);
  }

  /** @internal A client's. `identityError`: the certificate verifies, and is for another name, which was not to matter. */
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

  /** @internal The peer ended in the handshake, which fails with `error`: `'end'` comes before it, as in node:tls. */
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

  /** @internal What carries the connection is gone; `error`: what broke it. */
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
    // A `tls.TLSSocket` to `instanceof`, which http2 and grpc-js ask; each of its methods is overridden, none of it is run.
    Object.setPrototypeOf(this.prototype, TLSSocket.prototype);
    defineUnsupported(this.prototype);
    defineSecureEstablished(this.prototype, (socket) => isSecure((socket as TlsSocket).#facts));
    defineAddresses(this.prototype, (socket) => (socket as TlsSocket).#facts);
  }
}
