import { captureRejectionSymbol } from 'node:events';
import { Server, type ServerOpts } from 'node:net';
import { InvalidOptionError } from '../../errors.ts';
import { secureServer } from './secure-server.ts';
import type { SecureContext, SecureContextOptions } from '../context/secure-context.ts';
import type { ServerContexts } from '../context/server-contexts.ts';
import type { TlsServerOptions } from './server-options.ts';
import { refuseUnsupported } from '../context/unsupported-options.ts';
import { TlsSocket } from '../socket/tls-socket.ts';

/** A TLS server. Events beyond `net.Server`'s: `'secureConnection'` (socket) and `'tlsClientError'` (error, socket). */
export class TlsServer extends Server {
  readonly #contexts: ServerContexts;

  constructor(options: TlsServerOptions & ServerOpts, onSecureConnection?: (socket: TlsSocket) => void) {
    if (typeof options !== 'object' || (options as unknown) === null) {
      throw new InvalidOptionError('options', '{ cert, signer, … }', options);
    }
    if (onSecureConnection !== undefined && typeof onSecureConnection !== 'function') {
      throw new InvalidOptionError('onSecureConnection', 'a function', onSecureConnection);
    }
    refuseUnsupported(options);
    super(options);
    this.#contexts = secureServer(this, options);
    if (onSecureConnection) this.on('secureConnection', onSecureConnection);
  }

  /** @internal With `captureRejections`: a promise of a listener's was rejected. As in node:tls, its connection ends. */
  override [captureRejectionSymbol](error: Error, event: string, ...args: unknown[]): void {
    const [socket] = args;
    if (event === 'secureConnection' && socket instanceof TlsSocket) socket.destroy(error);
    else super[captureRejectionSymbol]?.(error, event, ...(args as never[]));
  }

  /**
   * Adds a context for clients that ask for `hostname` (SNI), or replaces the one that is there. `*` may stand for the whole
   * first label; an exact name goes before it. Connections that were accepted before keep what they have.
   *
   * @throws as `createSecureContext`; S2nPkeyError `ERR_TLS_REQUIRED_SERVER_NAME` without a name.
   */
  addContext(hostname: string, context: SecureContext | SecureContextOptions): void {
    this.#contexts.add(hostname, context);
  }

  /**
   * Replaces the certificates and policy that the server was made with, as a whole; what `addContext` added stays, and so do
   * connections that were accepted before.
   *
   * @throws as `createSecureContext`.
   */
  setSecureContext(options: SecureContextOptions): void {
    this.#contexts.replaceDefault(options);
  }

  /**
   * Replaces the OCSP response that is sent with the server's own certificate (the first, where it has several); null: none. To
   * be called before the response's nextUpdate.
   *
   * @throws InvalidOptionError for anything but an OCSP response, DER.
   */
  setOcspResponse(response: Uint8Array | null): void {
    this.#contexts.replaceOcspResponse(response);
  }

  /**
   * The key that session tickets are encrypted with now: 16 bytes of name and 32 of secret.
   *
   * @throws S2nPkeyError `ERR_S2N_PKEY_NO_SESSION_TICKETS` for a server that gives none.
   */
  getTicketKeys(): Buffer {
    return this.#contexts.ticketKey();
  }

  /**
   * Replaces the session ticket keys, as another process's `getTicketKeys` gave them. They are not rotated from then on; tickets
   * that were given under the former ones are not resumed.
   *
   * @throws InvalidOptionError for anything but 48 bytes; as `getTicketKeys`.
   */
  setTicketKeys(keys: NodeJS.ArrayBufferView): void {
    this.#contexts.replaceTicketKey(keys);
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
