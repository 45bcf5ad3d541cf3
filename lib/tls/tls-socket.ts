import type { X509Certificate } from 'node:crypto';
import { Socket, type AddressInfo } from 'node:net';
import type { DetailedPeerCertificate, PeerCertificate } from 'node:tls';
import type { Engine } from '../native/engine.ts';
import type {
  Address,
  Failure,
  FailedHandshakeFacts,
  HandshakeFacts,
  HandshakeTiming,
} from '../native/events.ts';
import { connectionError } from './connection-error.ts';
import { CertificateChain } from './certificate-chain.ts';

/** What `getCipher` returns, as in node:tls. */
export interface CipherInfo {
  /** OpenSSL's name. */
  name: string;
  /** IANA's name. */
  standardName: string;
  /** The protocol version the suite was defined for. */
  version: string;
}

type Facts = HandshakeFacts | FailedHandshakeFacts;

function isSystemError(error: Error): boolean {
  return 'syscall' in error;
}

function isSecure(facts: Facts): facts is HandshakeFacts {
  return 'protocol' in facts;
}

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
  /** The protocol agreed on by ALPN, or false. */
  readonly alpnProtocol: string | false;
  /** The name the client asked for (SNI), or false. */
  readonly servername: string | false;

  readonly #engine: Engine;
  readonly #stream: number;
  readonly #facts: Facts;
  readonly #ownCertificate: CertificateChain;
  readonly #peerCertificates: CertificateChain;
  #failure: Error | undefined;
  #over = false;
  #delivering = false;
  #truncated = false;

  /** @internal Made by the package: `fd` is the plaintext end, undefined for a connection whose handshake failed. */
  constructor(
    engine: Engine,
    stream: number,
    facts: Facts,
    options: { fd?: number; certificate?: string; allowHalfOpen?: boolean; pauseOnCreate?: boolean },
  ) {
    const { fd, certificate, allowHalfOpen = false, pauseOnCreate = false } = options;
    super({
      ...(fd === undefined ? {} : { fd, readable: true, writable: true }),
      allowHalfOpen,
      ...(pauseOnCreate ? { manualStart: true } : {}),
    });
    this.#engine = engine;
    this.#stream = stream;
    this.#facts = facts;
    this.#ownCertificate = new CertificateChain(certificate === undefined ? [] : [certificate]);
    this.#peerCertificates = new CertificateChain(facts.peer.chain);
    const { verification } = facts.peer;
    this.authorized = isSecure(facts) && verification === 'OK';
    this.authorizationError = verification === '' || verification === 'OK' ? null : verification;
    this.alpnProtocol = (isSecure(facts) && facts.alpnProtocol) || false;
    this.servername = facts.servername || false;
    this.#over = fd === undefined;
    if (pauseOnCreate) this.pause();
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

  /** The local end of the TCP connection; `{}` where it has none. */
  override address(): AddressInfo | object {
    const { host: address, port, family } = this.#facts.local;
    return family === 0 ? {} : { address, port, family: `IPv${family}` };
  }

  override setNoDelay(noDelay = true): this {
    if (!this.#over) this.#engine.setNoDelay(this.#stream, noDelay);
    return this;
  }

  /** `initialDelay` in milliseconds, as in `net.Socket`. */
  override setKeepAlive(enable = false, initialDelay = 0): this {
    if (!this.#over) this.#engine.setKeepAlive(this.#stream, enable, Math.floor(initialDelay / 1000));
    return this;
  }

  /** Closes the TCP connection with RST and destroys the socket. */
  override resetAndDestroy(): this {
    if (!this.#over) this.#engine.reset(this.#stream);
    return this.destroy();
  }

  /** @internal The end of the plaintext. What broke the connection, if anything did, was told before it. */
  override push(chunk: unknown, encoding?: BufferEncoding): boolean {
    if (chunk === null) {
      if (!this.#over) this.#engine.dispatch();
      if (this.#failure) {
        this.destroy(this.#failure);
        return false;
      }
    }
    return super.push(chunk, encoding);
  }

  /** With an error of the plaintext's descriptor: it only says that the connection broke, and what broke it says why. */
  override destroy(error?: Error): this {
    if (error && !this.destroyed && isSystemError(error)) {
      if (!this.#over) this.#engine.dispatch();
      return super.destroy(this.#failure ?? error);
    }
    return super.destroy(error);
  }

  /** @internal */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (!this.#over) {
      // What was written is the engine's to deliver: the process stays until it has been.
      this.#delivering = !this.#over;
      if (this.#delivering) this.#engine.hold();
    }
    super._destroy(error, callback);
  }

  /** @internal */
  connectionBroke(failure: Failure): void {
    this.#failure ??= connectionError(failure);
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
    const define = (name: string, get: (this: TlsSocket) => unknown): void => {
      Object.defineProperty(this.prototype, name, { get, configurable: true, enumerable: true });
    };
    const text = (address: Address): string | undefined => address.host || undefined;
    const port = (address: Address): number | undefined => (address.family === 0 ? undefined : address.port);
    const family = (address: Address): string | undefined =>
      address.family === 0 ? undefined : `IPv${address.family}`;
    // Accessors in net.Socket's types are properties, which a class may not override by accessors of its own.
    define('remoteAddress', function () {
      return text(this.#facts.remote);
    });
    define('remotePort', function () {
      return port(this.#facts.remote);
    });
    define('remoteFamily', function () {
      return family(this.#facts.remote);
    });
    define('localAddress', function () {
      return text(this.#facts.local);
    });
    define('localPort', function () {
      return port(this.#facts.local);
    });
    define('localFamily', function () {
      return family(this.#facts.local);
    });
  }
}
