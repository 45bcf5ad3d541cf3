/** What the messages of the `s2n-pkey:…` channels look like: plain objects, documented in docs/observability.md. */

/**
 * A handshake that has begun. The message of its end, and the `handshake` of its signatures' messages, are the same object,
 * so that a subscriber can keep what it likes about it in a `WeakMap`.
 */
export interface HandshakeStartMessage {
  readonly side: 'server' | 'client';
  /** Milliseconds since 1970, with fractions. */
  readonly startTime: number;
}

/** A handshake that has ended. What a failed one had not agreed on yet is undefined. */
export interface HandshakeEndMessage extends HandshakeStartMessage {
  /**
   * `'ok'`; the `code` of the error that ended it; `'error'` for an error of the application's own that has no code; or
   * `'abandoned'`: the client's socket was destroyed by its own side before the handshake was done.
   */
  readonly outcome: string;
  readonly durationMs: number;
  /** What ended it; undefined for `'ok'` and `'abandoned'`. */
  readonly error: Error | undefined;
  /** True: a session was resumed, and nothing was signed. */
  readonly resumed: boolean | undefined;
  /** `'TLSv1.2'` or `'TLSv1.3'`. */
  readonly protocol: string | undefined;
  /** IANA's name, such as `TLS_AES_128_GCM_SHA256`. */
  readonly cipher: string | undefined;
  /** Of the key exchange, such as `X25519MLKEM768`. */
  readonly group: string | undefined;
  /** IANA's name of what the server's certificate key signed with; undefined where nothing was signed. */
  readonly signatureScheme: string | undefined;
  /** The name that the client asked for (SNI). */
  readonly servername: string | undefined;
  readonly alpnProtocol: string | undefined;
  /** Of the client: of the TCP connection, or as a PROXY protocol header names it. Undefined for a Unix socket. */
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  /** Of the load balancer, where the server reads the PROXY protocol. */
  readonly proxyAddress: string | undefined;
  readonly proxyPort: number | undefined;
  readonly localAddress: string | undefined;
  readonly localPort: number | undefined;
}

/** A signer is about to be asked for a signature. */
export interface SignatureStartMessage {
  /** The message of the handshake's start. */
  readonly handshake: HandshakeStartMessage;
  /** IANA's name. */
  readonly scheme: string;
  /** Milliseconds since 1970, with fractions. */
  readonly startTime: number;
  /** How long it waited before that, in the server's own queue (admission) and for the event loop. */
  readonly queuedMs: number;
}

/** The signer has answered, or failed. The same object as at the start. */
export interface SignatureEndMessage extends SignatureStartMessage {
  /** `'ok'`, or the `code` of the error. */
  readonly outcome: string;
  readonly error: Error | undefined;
  readonly durationMs: number;
}

/**
 * One request to KMS, published when it has ended, in the async context of the signer's `sign()`. Retries and hedges are
 * attempts of their own.
 */
export interface KmsAttemptMessage {
  readonly operation: 'Sign';
  readonly keyArn: string;
  /** 1 for the first. By way of the SDK there is one message a signature, with the number of its last attempt. */
  readonly attempt: number;
  /** Whether it was sent beside another one that took long. */
  readonly hedge: boolean;
  /** `'ok'`, or the name or code of the error: `ThrottlingException`, `ECONNRESET`, `TimeoutError`, `AbortError`. */
  readonly outcome: string;
  readonly throttled: boolean;
  /** Of the HTTP response; undefined where there was none. */
  readonly statusCode?: number | undefined;
  /** As in CloudTrail's `requestID`. */
  readonly requestId?: string | undefined;
  /** The time in the queue included. */
  readonly durationMs: number;
  /** In the queue for a connection; undefined by way of the SDK, which does not tell. */
  readonly queuedMs: number | undefined;
}
