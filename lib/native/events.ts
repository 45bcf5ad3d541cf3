/**
 * The engine's events as they cross the boundary: one flat array a batch, written by `binding/node/event_array.cc`. Flat,
 * because an object an event would cost the event loop more than everything else that crosses.
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
  /** s2n's name, such as `S2N_ERR_CIPHER_NOT_SUPPORTED`; empty where s2n had no part in it. */
  readonly reason: string;
  readonly message: string;
  /** The TLS alert that the peer sent (kind `alert`) or was sent (RFC 8446 §6); -1: none. */
  readonly alert: number;
  /** The errno with which the descriptor itself failed (kind `reset`), and in which call; 0 or nothing: it did not. */
  readonly systemError?: number;
  readonly systemCall?: string;
}

/** The peer's certificate, as far as the handshake came. */
export interface PeerIdentity {
  /** OpenSSL's name for what came of its verification, `OK` among them; empty where nobody asked for a certificate. */
  readonly verification: string;
  /** The same in OpenSSL's words. */
  readonly message: string;
  /** DER, from the peer's own towards an authority; empty where the peer has none. */
  readonly chain: readonly Uint8Array[];
  /** DER, as the server stapled it; undefined where it was not asked for, or the server has none. */
  readonly ocspResponse?: Uint8Array | undefined;
}

/** What a finished handshake agreed on. */
export interface HandshakeFacts {
  readonly protocol: string;
  readonly cipher: string;
  readonly cipherStandardName: string;
  readonly group: string;
  readonly alpnProtocol: string;
  readonly servername: string;
  /** IANA code of the scheme the certificate's key signed with; 0: resumed, nothing was signed. */
  readonly signatureScheme: number;
  readonly resumed: boolean;
  readonly remote: Address;
  readonly local: Address;
  readonly timing: HandshakeTiming;
  /** Which of the server's contexts was used, and which identity of it was shown. */
  readonly context: number;
  readonly identity: number;
  readonly peer: PeerIdentity;
  /** Lines in NSS's key log format; empty unless the configuration logs keys. */
  readonly keyLog: string;
}

/** Microseconds since the descriptor was taken over; 0: did not happen outside the engine. */
export interface HandshakeTiming {
  readonly signatureAsked: number;
  readonly signatureApplied: number;
  readonly done: number;
}

/** What is known of a peer, whether its handshake was completed or not. */
export type PeerFacts = HandshakeFacts | FailedHandshakeFacts;

/** Whether the handshake was completed. */
export function isSecure(facts: PeerFacts): facts is HandshakeFacts {
  return 'protocol' in facts;
}

/** What is known of a peer whose handshake failed. */
export interface FailedHandshakeFacts {
  readonly servername: string;
  /** What ALPN had agreed on by then; empty: nothing. */
  readonly alpnProtocol: string;
  readonly remote: Address;
  readonly local: Address;
  readonly peer: PeerIdentity;
  readonly keyLog: string;
}

/** Who is told about one stream. */
export interface StreamListener {
  /** The handshake waits for `Engine.chooseContext`. */
  onClientHello?(servername: string, protocols: readonly string[], asksOcsp: boolean): void;
  /**
   * `context`: which of the server's contexts, or their number for one that `chooseContext` gave; `identity`: which of that
   * context's keys is to sign; `remoteHost`: the peer's address, empty where the descriptor has none.
   */
  onSign(
    operation: number,
    schemeCode: number,
    input: Uint8Array,
    context: number,
    identity: number,
    remoteHost: string,
  ): void;
  /** The plaintext end waits to be taken (`Engine.takeDescriptor`). */
  onSecure(facts: HandshakeFacts): void;
  /** The last event of a stream whose handshake failed. */
  onFailed(failure: Failure, facts: FailedHandshakeFacts): void;
  /** An open stream broke; the end of its plaintext follows, unless it came before (`afterEnd`). */
  onError(failure: Failure, afterEnd: boolean): void;
  /** The last event of a stream that was open: all that was written is with TCP, or lost for good. */
  onClosed(): void;
  /** The peer sent FIN without close_notify: the end of the plaintext follows. */
  onTruncated(): void;
  /** A client's: what to make of a certificate that verifies (`Engine.judge`). */
  onJudge?(peer: PeerIdentity): void;
  /** A client's: a session that a later connection can resume. */
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

/** A batch, and how far it has been read. */
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

/** One event read from a batch: the stream it is for, and a call that tells that stream's listener. */
export type Notify = (stream: number, deliver: (listener: StreamListener) => void) => void;

/** Reads the next event of a batch that is not done, and calls `notify` once. */
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
