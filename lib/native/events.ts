/**
 * The engine's events as they cross into JavaScript. `binding/node/event_array.cc` writes each batch as one flat array,
 * because one object per event would cost the event loop more than everything else that crosses.
 */

/** One end of a TCP connection. `family` is 4 or 6; 0 (with an empty host) for a Unix socket. */
export interface Address {
  readonly host: string;
  readonly port: number;
  readonly family: number;
}

/** The kinds of failure, as `binding/tls/failure.h` names them. */
export type FailureKind =
  | 'closed'
  | 'reset'
  | 'alert'
  | 'protocol'
  | 'signature'
  | 'certificate'
  | 'timeout'
  | 'not-tls'
  | 'resources'
  | 'internal';

export interface Failure {
  readonly kind: FailureKind;
  /** s2n's name, such as `S2N_ERR_CIPHER_NOT_SUPPORTED`; empty if s2n did not cause the failure. */
  readonly reason: string;
  readonly message: string;
  /** The TLS alert (RFC 8446 §6) that the peer sent (kind `alert`) or received; -1: none. */
  readonly alert: number;
  /** If the descriptor itself failed (kind `reset`): the errno and the system call. Otherwise 0 or absent. */
  readonly systemError?: number;
  readonly systemCall?: string;
}

/** The peer's certificate, as far as the handshake got. */
export interface PeerIdentity {
  /** OpenSSL's name for the result of the verification, such as `OK`; empty if no certificate was requested. */
  readonly verification: string;
  /** The verification's result as OpenSSL's message. */
  readonly message: string;
  /** DER, from the peer's own certificate towards an authority; empty if the peer has none. */
  readonly chain: readonly Uint8Array[];
  /** DER, as the server stapled it; undefined if it was not requested, or the server has none. */
  readonly ocspResponse?: Uint8Array | undefined;
}

/** The result of a completed handshake. */
export interface HandshakeFacts {
  readonly protocol: string;
  readonly cipher: string;
  readonly cipherStandardName: string;
  readonly group: string;
  readonly alpnProtocol: string;
  readonly servername: string;
  /** IANA code of the scheme that the certificate's key signed with; 0: a resumed session, without a signature. */
  readonly signatureScheme: number;
  readonly resumed: boolean;
  readonly remote: Address;
  readonly local: Address;
  readonly timing: HandshakeTiming;
  /** Which of the server's contexts the handshake used, and which of its identities the server presented. */
  readonly context: number;
  readonly identity: number;
  readonly peer: PeerIdentity;
  /** Lines in NSS's key log format; empty unless the configuration logs keys. */
  readonly keyLog: string;
}

/** Microseconds since the engine took over the descriptor; 0: the step did not happen outside the engine. */
export interface HandshakeTiming {
  readonly signatureAsked: number;
  readonly signatureApplied: number;
  readonly done: number;
}

/** What the engine reports about a peer, whether or not its handshake completed. */
export type PeerFacts = HandshakeFacts | FailedHandshakeFacts;

/** Whether the handshake completed. */
export function isSecure(facts: PeerFacts): facts is HandshakeFacts {
  return 'protocol' in facts;
}

/** What the engine reports about a peer whose handshake failed. */
export interface FailedHandshakeFacts {
  readonly servername: string;
  /** The protocol that ALPN selected before the failure; empty: none. */
  readonly alpnProtocol: string;
  readonly remote: Address;
  readonly local: Address;
  readonly peer: PeerIdentity;
  readonly keyLog: string;
}

/** Receives the events of one stream. */
export interface StreamListener {
  /** The handshake waits for `Engine.chooseContext`. */
  onClientHello?(servername: string, protocols: readonly string[], asksOcsp: boolean): void;
  /**
   * Asks for a signature. `context` is the index of the server's context, or the number of contexts for one that
   * `chooseContext` gave. `identity` is the index of the key in that context. `remoteHost` is the peer's address; empty if
   * the descriptor has none.
   */
  onSign(
    operation: number,
    schemeCode: number,
    input: Uint8Array,
    context: number,
    identity: number,
    remoteHost: string,
  ): void;
  /** The handshake is done. Take the plaintext end with `Engine.takeDescriptor`. */
  onSecure(facts: HandshakeFacts): void;
  /** The last event of a stream whose handshake failed. */
  onFailed(failure: Failure, facts: FailedHandshakeFacts): void;
  /** An open stream failed. The end of its plaintext follows, unless it came before (`afterEnd`). */
  onError(failure: Failure, afterEnd: boolean): void;
  /** The last event of an open stream: everything written has been handed to TCP, or is lost. */
  onClosed(): void;
  /** The peer sent FIN without close_notify. The end of the plaintext follows. */
  onTruncated(): void;
  /** Clients only: the server's certificate verifies, and `Engine.judge` must accept or reject it. */
  onJudge?(peer: PeerIdentity): void;
  /** Clients only: a session that a later connection can resume. */
  onSession?(session: Uint8Array): void;
}

const SIGN = 0;
const SECURE = 1;
const FAILED = 2;
const ERROR = 3;
const CLOSED = 4;
const TRUNCATED = 5;
const CLIENT_HELLO = 6;
const JUDGE = 7;
const SESSION = 8;

/** Reads the values of one batch in order. */
export class EventReader {
  readonly #values: readonly unknown[];
  #next = 0;

  constructor(values: readonly unknown[] = []) {
    this.#values = values;
  }

  get done(): boolean {
    return this.#next >= this.#values.length;
  }

  number(): number {
    return this.#values[this.#next++] as number;
  }

  text(): string {
    return this.#values[this.#next++] as string;
  }

  bool(): boolean {
    return this.#values[this.#next++] as boolean;
  }

  bytes(): Uint8Array {
    return this.#values[this.#next++] as Uint8Array;
  }

  address(): Address {
    return { host: this.text(), port: this.number(), family: this.number() };
  }

  failure(): Failure {
    return {
      kind: this.text() as FailureKind,
      reason: this.text(),
      message: this.text(),
      alert: this.number(),
      systemError: this.number(),
      systemCall: this.text(),
    };
  }

  peer(): PeerIdentity {
    const verification = this.text();
    const message = this.text();
    const chain: Uint8Array[] = [];
    for (let left = this.number(); left > 0; left--) chain.push(this.bytes());
    const ocspResponse = this.bool() ? this.bytes() : undefined;
    return { verification, message, chain, ocspResponse };
  }

  facts(): HandshakeFacts {
    return {
      protocol: protocolName(this.number()),
      cipher: this.text(),
      cipherStandardName: this.text(),
      group: this.text(),
      alpnProtocol: this.text(),
      servername: this.text(),
      signatureScheme: this.number(),
      resumed: this.bool(),
      remote: this.address(),
      local: this.address(),
      timing: { signatureAsked: this.number(), signatureApplied: this.number(), done: this.number() },
      context: this.number(),
      identity: this.number(),
      peer: this.peer(),
      keyLog: this.text(),
    };
  }
}

function protocolName(version: number): string {
  return version === 34 ? 'TLSv1.3' : version === 33 ? 'TLSv1.2' : 'unknown';
}

/** Called with the stream of an event, and a function that passes the event to that stream's listener. */
export type Notify = (stream: number, deliver: (listener: StreamListener) => void) => void;

/** Reads the next event, and calls `notify` once. The batch must not be `done`. */
export function readEvent(reader: EventReader, notify: Notify): void {
  const kind = reader.number();
  const stream = reader.number();
  switch (kind) {
    case SIGN: {
      const operation = reader.number();
      const scheme = reader.number();
      const input = reader.bytes();
      const context = reader.number();
      const identity = reader.number();
      const remoteHost = reader.text();
      notify(stream, (listener) => listener.onSign(operation, scheme, input, context, identity, remoteHost));
      break;
    }
    case SECURE: {
      const facts = reader.facts();
      notify(stream, (listener) => listener.onSecure(facts));
      break;
    }
    case FAILED: {
      const failure = reader.failure();
      const facts = {
        servername: reader.text(),
        alpnProtocol: reader.text(),
        remote: reader.address(),
        local: reader.address(),
        peer: reader.peer(),
        keyLog: reader.text(),
      };
      notify(stream, (listener) => listener.onFailed(failure, facts));
      break;
    }
    case ERROR: {
      const failure = reader.failure();
      const afterEnd = reader.bool();
      notify(stream, (listener) => listener.onError(failure, afterEnd));
      break;
    }
    case JUDGE: {
      const peer = reader.peer();
      notify(stream, (listener) => listener.onJudge?.(peer));
      break;
    }
    case SESSION: {
      const session = reader.bytes();
      notify(stream, (listener) => listener.onSession?.(session));
      break;
    }
    case CLOSED:
      notify(stream, (listener) => listener.onClosed());
      break;
    case CLIENT_HELLO: {
      const servername = reader.text();
      const protocols: string[] = [];
      for (let left = reader.number(); left > 0; left--) protocols.push(reader.text());
      const asksOcsp = reader.bool();
      notify(stream, (listener) => listener.onClientHello?.(servername, protocols, asksOcsp));
      break;
    }
    case TRUNCATED:
      notify(stream, (listener) => listener.onTruncated());
      break;
    default:
      throw new Error(`s2n-pkey: unknown event ${kind}: the addon and lib/native are of different versions`);
  }
}
