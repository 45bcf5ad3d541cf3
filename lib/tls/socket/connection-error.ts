import { getSystemErrorName } from 'node:util';
import { S2nPkeyError } from '../../errors.ts';
import type { Failure } from '../../native/events.ts';
import { describeAlert } from './alert-name.ts';

/** A TLS connection failed, in its handshake (`'tlsClientError'`) or afterwards (`'error'` of the socket). */
export class TlsConnectionError extends S2nPkeyError {
  /**
   * The name of the error in s2n-tls, such as `S2N_ERR_CIPHER_NOT_SUPPORTED`; absent if it comes from elsewhere. For
   * `ERR_S2N_PKEY_PROXY_PROTOCOL`, it is what is wrong with the header, such as `PROXY_PROTOCOL_MISSING`.
   */
  readonly reason?: string;
  /** Number of the TLS alert (RFC 8446 §6) that the peer sent (`ERR_S2N_PKEY_PEER_ALERT`) or was sent. The message names it. */
  readonly alert?: number;
  /** If the descriptor failed: the negative errno, and the system call `'read'` or `'write'`, as in Node's own errors. */
  readonly errno?: number;
  readonly syscall?: string;
  /** If the peer of a client ended the handshake: the destination in the options of `connect`, as in node:tls. */
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

/** If node:tls has a code for the same failure, it is used, because callers check for it. */
const codes: Record<Exclude<Failure['kind'], 'certificate'>, string> = {
  closed: 'ECONNRESET',
  reset: 'ECONNRESET',
  timeout: 'ERR_TLS_HANDSHAKE_TIMEOUT',
  alert: 'ERR_S2N_PKEY_PEER_ALERT',
  protocol: 'ERR_S2N_PKEY_PROTOCOL',
  signature: 'ERR_S2N_PKEY_SIGNATURE_INVALID',
  'not-tls': 'ERR_S2N_PKEY_NOT_TLS',
  'proxy-protocol': 'ERR_S2N_PKEY_PROXY_PROTOCOL',
  'health-check': 'ECONNRESET', // never reported
  resources: 'ERR_S2N_PKEY_RESOURCES',
  internal: 'ERR_S2N_PKEY_INTERNAL',
};

/** For certificates, node:tls uses OpenSSL's name of the reason as the code. */
function codeOf({ kind, reason }: Failure): string {
  return kind === 'certificate' ? reason : codes[kind];
}

/** The same failure as a server reports it. A client that left during its handshake gets node:tls's message. */
export function toldByServer(failure: Failure): Failure {
  return failure.kind === 'closed' ? { ...failure, message: `socket hang up: ${failure.message}` } : failure;
}

/** Converts a failure that the engine reports to an error. */
export function connectionError(failure: Failure): TlsConnectionError {
  const { kind, message, alert, systemError = 0 } = failure;
  const action = kind === 'alert' ? 'the peer sent' : 'the peer was sent';
  return new TlsConnectionError(
    systemError > 0 ? getSystemErrorName(-systemError) : codeOf(failure),
    alert < 0 ? message : `${message} (${action} the alert ${describeAlert(alert)})`,
    failure,
  );
}
