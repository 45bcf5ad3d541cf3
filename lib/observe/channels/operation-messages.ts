/** What the messages of the channels look like that are about servers and signers as a whole, not about one connection. */

/** `drain` was called. The message of its end is the same object. */
export interface DrainStartMessage {
  /** Milliseconds since 1970, with fractions. */
  readonly startTime: number;
  /** Open connections. */
  readonly connections: number;
  /** The options `within` and `delay`. */
  readonly withinMs: number;
  readonly delayMs: number;
}

export interface DrainEndMessage extends DrainStartMessage {
  /** Connections that ended by themselves, or were idle. */
  readonly finished: number;
  /** Connections that were cut off. */
  readonly cut: number;
  readonly durationMs: number;
}

/** `watchCertificate` serves another certificate, or has refused one. */
export interface CertificateMessage {
  /** `'ok'`: it is served. Otherwise the code of the error, and the former one stays. */
  readonly outcome: string;
  readonly error: Error | undefined;
  /** The option `cert`. */
  readonly file: string;
  /** The option `servername`; undefined for the certificate that the server was created with. */
  readonly servername: string | undefined;
  /** SHA-256 of the certificate that is served now, and when it expires; undefined for one that is refused. */
  readonly fingerprint: string | undefined;
  readonly notAfter: Date | undefined;
}

/** A circuit breaker has opened, or closed again. */
export interface BreakerMessage {
  readonly state: 'open' | 'closed';
  /** The ARN of the key, or the option `keyId` where the key is not open yet. */
  readonly key: string | undefined;
  /** The code of the failure that opened it, and the failure. */
  readonly outcome: string;
  readonly error: Error;
  /** Milliseconds until a signature is tried; 0 for a breaker that closes. */
  readonly pauseMs: number;
}

/** A server has stopped accepting, because descriptors run out, or accepts again. */
export interface AcceptMessage {
  readonly state: 'paused' | 'resumed';
  /** Descriptors that are open in the process, how many it may have, and how many of them are kept for other uses. */
  readonly descriptors: number;
  readonly limit: number;
  readonly reserve: number;
}
