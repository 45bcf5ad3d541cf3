/** The messages of the `s2n-pkey:…` channels. docs/observability.md documents them. */

/**
 * A handshake that started. The message of its end, and `handshake` in its signatures' messages, are the same object, so that
 * a subscriber can use it as a key of a `WeakMap`.
 */
export interface HandshakeStartMessage {
  readonly side: 'server' | 'client';
  /** Milliseconds since 1970, with fractions. */
  readonly startTime: number;
}

/** A handshake that ended. If it failed, what was not negotiated yet is undefined. */
export interface HandshakeEndMessage extends HandshakeStartMessage {
  /**
   * `'ok'`; the `code` of the error that ended it; `'error'` for an error of the application without a code; or
   * `'abandoned'`: the client destroyed its socket before the handshake was done.
   */
  readonly outcome: string;
  readonly durationMs: number;
  /** The error that ended it; undefined for `'ok'` and `'abandoned'`. */
  readonly error: Error | undefined;
  /** True: a session was resumed, and nothing was signed. */
  readonly resumed: boolean | undefined;
  /** `'TLSv1.2'` or `'TLSv1.3'`. */
  readonly protocol: string | undefined;
  /** IANA's name, such as `TLS_AES_128_GCM_SHA256`. */
  readonly cipher: string | undefined;
  /** The group of the key exchange, such as `X25519MLKEM768`. */
  readonly group: string | undefined;
  /** IANA's name of the server's signature scheme; undefined if nothing was signed. */
  readonly signatureScheme: string | undefined;
  /** The name that the client requested (SNI). */
  readonly servername: string | undefined;
  readonly alpnProtocol: string | undefined;
  /** The client's, from the TCP connection or a PROXY protocol header. Undefined for a Unix socket. */
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  /** The load balancer's, if the server reads the PROXY protocol. */
  readonly proxyAddress: string | undefined;
  readonly proxyPort: number | undefined;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
}

/** A signature that starts: the signer is called next. */
export interface SignatureStartMessage {
  /** The message of the handshake's start. */
  readonly handshake: HandshakeStartMessage;
  /** IANA's name. */
  readonly scheme: string;
  /** Milliseconds since 1970, with fractions. */
  readonly startTime: number;
  /** The time that it waited before, in the admission queue and for the event loop. */
  readonly queuedMs: number;
}

/** A signature that ended. The same object as at the start. */
export interface SignatureEndMessage extends SignatureStartMessage {
  /** `'ok'`, or the `code` of the error. */
  readonly outcome: string;
  readonly error: Error | undefined;
  readonly durationMs: number;
}

/**
 * One request to KMS, published when it ends, in the async context of the signer's `sign()`. Each retry and each hedge is an
 * attempt.
 */
export interface KmsAttemptMessage {
  readonly operation: 'Sign';
  readonly keyArn: string;
  /** 1 for the first. With the SDK there is one message for each signature, with the number of its last attempt. */
  readonly attempt: number;
  /** Whether it was sent in parallel to a slow one. */
  readonly hedge: boolean;
  /** `'ok'`, or the name or code of the error: `ThrottlingException`, `ECONNRESET`, `TimeoutError`, `AbortError`. */
  readonly outcome: string;
  readonly throttled: boolean;
  /** Of the HTTP response; undefined without a response. */
  readonly statusCode?: number | undefined;
  /** CloudTrail's `requestID`. */
  readonly requestId?: string | undefined;
  /** Includes the time in the queue. */
  readonly durationMs: number;
  /** The time in the queue for a connection; undefined with the SDK, which does not report it. */
  readonly queuedMs: number | undefined;
}
