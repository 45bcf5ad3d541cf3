import { getSystemErrorName } from 'node:util';
import { S2nPkeyError } from '../../errors.ts';
import type { Failure } from '../../native/events.ts';
import { describeAlert } from './alert-name.ts';

/** A TLS connection failed: in its handshake (`tlsClientError`) or afterwards (the socket's `'error'`). */
export class TlsConnectionError extends S2nPkeyError {
  /** s2n-tls's own name of what happened, such as `S2N_ERR_CIPHER_NOT_SUPPORTED`; absent where s2n had no part in it. */
  readonly reason?: string;
  /** The TLS alert that the peer sent (`ERR_S2N_PKEY_PEER_ALERT`) or was sent (RFC 8446 §6); the message has its name. */
  readonly alert?: number;
  /** Where the descriptor itself failed: the error's negative number, and `'read'` or `'write'`, as in Node's own errors. */
  readonly errno?: number;
  readonly syscall?: string;
  /** Of a client whose peer ended the connection in the handshake: what the options of `connect` say, as in node:tls. */
  declare readonly host?: string | undefined;
  declare readonly port?: number | string | undefined;
  declare readonly path?: string | undefined;
  declare readonly localAddress?: string | undefined;

  /** @internal */
  constructor(code: string, message: string, failure: Failure) {
    super(code, message);
    if (failure.reason) this.reason = failure.reason;
    if (failure.alert >= 0) this.alert = failure.alert;
    const { systemError = 0, systemCall } = failure;
    if (systemError > 0) this.errno = -systemError;
    if (systemCall) this.syscall = systemCall;
  }
}

/** Codes that node:tls has for the same things are kept: callers look for them. */
const codes: Record<Exclude<Failure['kind'], 'certificate'>, string> = {
  closed: 'ECONNRESET',
  reset: 'ECONNRESET',
  timeout: 'ERR_TLS_HANDSHAKE_TIMEOUT',
  alert: 'ERR_S2N_PKEY_PEER_ALERT',
  protocol: 'ERR_S2N_PKEY_PROTOCOL',
  signature: 'ERR_S2N_PKEY_SIGNATURE_INVALID',
  'not-tls': 'ERR_S2N_PKEY_NOT_TLS',
  resources: 'ERR_S2N_PKEY_RESOURCES',
  internal: 'ERR_S2N_PKEY_INTERNAL',
};

/** OpenSSL's name of what is wrong with a certificate is the code in node:tls, too. */
function codeOf({ kind, reason }: Failure): string {
  return kind === 'certificate' ? reason : codes[kind];
}

/** The same failure as a server tells it: of a client that went in its handshake, in node:tls's words. */
export function toldByServer(failure: Failure): Failure {
  return failure.kind === 'closed' ? { ...failure, message: `socket hang up: ${failure.message}` } : failure;
}

/** The error for what the engine reports of a connection. */
export function connectionError(failure: Failure): TlsConnectionError {
  const { kind, message, alert, systemError = 0 } = failure;
  const action = kind === 'alert' ? 'the peer sent' : 'the peer was sent';
  return new TlsConnectionError(
    systemError > 0 ? getSystemErrorName(-systemError) : codeOf(failure),
    alert < 0 ? message : `${message} (${action} the alert ${describeAlert(alert)})`,
    failure,
  );
}
