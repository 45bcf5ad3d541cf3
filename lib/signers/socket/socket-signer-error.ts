import { SignerError, type S2nPkeyErrorOptions } from '../../errors.ts';

/** The kinds of failure that begin at the socket itself: `ERR_S2N_PKEY_SOCKET_SIGNER_…`. */
export type SocketSignerFault =
  | 'REFUSED'
  | 'UNREACHABLE'
  | 'TIMEOUT'
  | 'PROTOCOL'
  | 'WRONG_KEY'
  | 'PERMISSIONS'
  | 'IN_USE'
  | 'BUSY'
  | 'LISTEN';

/** Signing through a Unix socket failed at the socket. What failed in the process behind it keeps its own code. */
export class SocketSignerError extends SignerError {
  /** The path of the socket. */
  readonly path: string;

  constructor(fault: SocketSignerFault, path: string, message: string, options: S2nPkeyErrorOptions = {}) {
    super(message, { ...options, code: `ERR_S2N_PKEY_SOCKET_SIGNER_${fault}` });
    this.path = path;
  }
}
