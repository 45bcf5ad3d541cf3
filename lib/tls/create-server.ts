import { Server, type ServerOpts } from 'node:net';
import { InvalidOptionError } from '../errors.ts';
import { secureServer } from './secure-server.ts';
import { refuseUnsupported, type TlsServerOptions } from './server-options.ts';
import type { TlsSocket } from './tls-socket.ts';

/** A TLS server. Events beyond `net.Server`'s: `'secureConnection'` (socket) and `'tlsClientError'` (error, socket). */
export class TlsServer extends Server {
  constructor(options: TlsServerOptions & ServerOpts, onSecureConnection?: (socket: TlsSocket) => void) {
    if (typeof options !== 'object' || (options as unknown) === null) {
      throw new InvalidOptionError('options', '{ cert, signer, … }', options);
    }
    if (onSecureConnection !== undefined && typeof onSecureConnection !== 'function') {
      throw new InvalidOptionError('onSecureConnection', 'a function', onSecureConnection);
    }
    refuseUnsupported(options);
    super(options);
    secureServer(this, options);
    if (onSecureConnection) this.on('secureConnection', onSecureConnection);
  }
}

/**
 * A TLS server whose private key is the signer's: `createServer({ cert, signer }, (socket) => …).listen(8443)`.
 *
 * @throws InvalidOptionError naming the option, KeyMismatchError when certificate and signer do not belong together,
 * S2nPkeyError `ERR_S2N_PKEY_SECURITY_POLICY` when policy and certificate can never agree.
 */
export function createServer(
  options: TlsServerOptions & ServerOpts,
  onSecureConnection?: (socket: TlsSocket) => void,
): TlsServer {
  return new TlsServer(options, onSecureConnection);
}
