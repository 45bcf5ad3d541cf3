/**
 * The engine's events as they cross into JavaScript. `binding/node/event_array.cc` writes each batch as one flat array: for
 * each event its kind, its stream, the number of values that follow, and the values. One object per event would cost the
 * event loop more than everything else that crosses.
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
  | 'proxy-protocol'
  | 'health-check'
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
  /** Servers that read the PROXY protocol only. */
  readonly proxy?: ProxyHeaderFacts | undefined;
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
  readonly proxy?: ProxyHeaderFacts | undefined;
  readonly keyLog: string;
}

/** A PROXY protocol header, as `binding/proxy/header.h` has it. */
export interface ProxyHeaderFacts {
  /** 0: the connection began without a header, and `tlvs` is empty. */
  readonly version: number;
  readonly isLocal: boolean;
  /** 0: unknown, 1: TCP over IPv4, 2: TCP over IPv6, 3: a Unix socket. */
  readonly transport: number;
  readonly source: Omit<Address, 'family'>;
  readonly destination: Omit<Address, 'family'>;
  /** Each a type, a length in two bytes, and a value. */
  readonly tlvs: Buffer;
  /** The other end of the TCP connection. */
  readonly balancer: Address;
}

/** What a handshake wants signed. */
export interface SignatureAsked {
  readonly operation: number;
  /** IANA's code of the scheme. */
  readonly schemeCode: number;
  readonly input: Uint8Array;
  /** The transcript hash that the signed content of TLS 1.3 ends with (RFC 8446 §4.4.3); empty in TLS 1.2. */
  readonly transcriptHash: Uint8Array;
  /** The index of the server's context, or the number of contexts for one that `chooseContext` gave. */
  readonly context: number;
  /** The index of the key in that context. */
  readonly identity: number;
  /** The peer's address; empty if the descriptor has none. */
  readonly remoteHost: string;
}

/** Receives the events of one stream. */
export interface StreamListener {
  /** The handshake waits for `Engine.chooseContext`. */
  onClientHello?(servername: string, protocols: readonly string[], asksOcsp: boolean): void;
  onSign(asked: SignatureAsked): void;
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
  /** A server's handshake begins. `remote` and `local` are the client's, as the header names them. */
  onProxyHeader?(header: ProxyHeaderFacts, remote: Address, local: Address): void;
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
const PROXY_HEADER = 9;

/** Reads the values of one batch in order, and checks them: a misread value would reach another connection. */
export class EventReader {
  readonly #values: readonly unknown[];
  #next = 0;

  constructor(values: readonly unknown[] = []) {
    this.#values = values;
  }

  get done(): boolean {
    return this.#next >= this.#values.length;
  }

  /**
   * Reads one event by `read`, which is given its kind and its stream and reads all of its values and no others. Where it
   * does not, this throws, and the next event can be read all the same.
   */
  event<Result>(read: (kind: number, stream: number) => Result): Result {
    const kind = this.number();
    const stream = this.number();
    const length = this.number();
    const end = this.#next + length;
    if (!(length >= 0 && end <= this.#values.length)) {
      this.#next = this.#values.length;
      throw misread(`event ${kind} has ${length} values, and the batch ends before them`);
    }
    try {
      const result = read(kind, stream);
      if (this.#next === end) return result;
      throw misread(`event ${kind} has ${length} values, and ${length + this.#next - end} were read`);
    } finally {
      this.#next = end;
    }
  }

  number(): number {
    const value = this.#values[this.#next++];
    if (typeof value === 'number') return value;
    throw misread(`expected a number, and found ${typeof value}`);
  }

  text(): string {
    const value = this.#values[this.#next++];
    if (typeof value === 'string') return value;
    throw misread(`expected a string, and found ${typeof value}`);
  }

  bool(): boolean {
    const value = this.#values[this.#next++];
    if (typeof value === 'boolean') return value;
    throw misread(`expected a boolean, and found ${typeof value}`);
  }

  bytes(): Uint8Array {
    const value = this.#values[this.#next++];
    if (value instanceof Uint8Array) return value;
    throw misread(`expected bytes, and found ${typeof value}`);
  }

  address(): Address {
    return { host: this.text(), port: this.number(), family: this.number() };
  }

  proxyHeader(): Omit<ProxyHeaderFacts, 'balancer'> {
    return {
      version: this.number(),
      isLocal: this.bool(),
      transport: this.number(),
      source: { host: this.text(), port: this.number() },
      destination: { host: this.text(), port: this.number() },
      tlvs: Buffer.from(this.bytes()),
    };
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

function misread(what: string): Error {
  return new Error(`s2n-pkey: ${what}: the addon and lib/native are of different versions`);
}

function protocolName(version: number): string {
  return version === 34 ? 'TLSv1.3' : version === 33 ? 'TLSv1.2' : 'unknown';
}

/** Passes an event to the listener of its stream. */
export type Deliver = (listener: StreamListener) => void;

/** Reads the next event, and calls `notify` once with its stream. The batch must not be `done`. */
export function readEvent(reader: EventReader, notify: (stream: number, deliver: Deliver) => void): void {
  const [stream, deliver] = reader.event((kind, id): [number, Deliver] => [id, readBody(kind, reader)]);
  notify(stream, deliver);
}

function readBody(kind: number, reader: EventReader): Deliver {
  switch (kind) {
    case SIGN: {
      const asked: SignatureAsked = {
        operation: reader.number(),
        schemeCode: reader.number(),
        input: reader.bytes(),
        transcriptHash: reader.bytes(),
        context: reader.number(),
        identity: reader.number(),
        remoteHost: reader.text(),
      };
      return (listener) => listener.onSign(asked);
    }
    case SECURE: {
      const facts = reader.facts();
      return (listener) => listener.onSecure(facts);
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
      return (listener) => listener.onFailed(failure, facts);
    }
    case ERROR: {
      const failure = reader.failure();
      const afterEnd = reader.bool();
      return (listener) => listener.onError(failure, afterEnd);
    }
    case JUDGE: {
      const peer = reader.peer();
      return (listener) => listener.onJudge?.(peer);
    }
    case SESSION: {
      const session = reader.bytes();
      return (listener) => listener.onSession?.(session);
    }
    case PROXY_HEADER: {
      const header = reader.proxyHeader();
      const [remote, local] = [reader.address(), reader.address()];
      const balancer = reader.address();
      reader.address(); // the balancer's connection ends at this server
      return (listener) => listener.onProxyHeader?.({ ...header, balancer }, remote, local);
    }
    case CLOSED:
      return (listener) => listener.onClosed();
    case CLIENT_HELLO: {
      const servername = reader.text();
      const protocols: string[] = [];
      for (let left = reader.number(); left > 0; left--) protocols.push(reader.text());
      const asksOcsp = reader.bool();
      return (listener) => listener.onClientHello?.(servername, protocols, asksOcsp);
    }
    case TRUNCATED:
      return (listener) => listener.onTruncated();
    default:
      throw misread(`unknown event ${kind}`);
  }
}
