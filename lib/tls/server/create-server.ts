import { captureRejectionSymbol } from 'node:events';
import { Server, type ServerOpts } from 'node:net';
import { InvalidOptionError } from '../../errors.ts';
import { secureServer } from './secure-server.ts';
import type { SecureContext, SecureContextOptions } from '../context/secure-context.ts';
import type { ServerContexts } from '../context/server-contexts.ts';
import type { SharedTicketKeys } from '../context/session-options.ts';
import type { TlsServerOptions } from './server-options.ts';
import { refuseUnsupported } from '../context/unsupported-options.ts';
import { checkNode } from '../node/supported-node.ts';
import { TlsSocket } from '../socket/tls-socket.ts';

/** A TLS server. Events beyond `net.Server`'s: `'secureConnection'` (socket) and `'tlsClientError'` (error, socket). */
export class TlsServer extends Server {
  readonly #contexts: ServerContexts;

  constructor(options: TlsServerOptions & ServerOpts, onSecureConnection?: (socket: TlsSocket) => void) {
    checkNode();
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

  /** @internal With `captureRejections`, when a listener's promise rejects. As in node:tls, its connection ends. */
  override [captureRejectionSymbol](error: Error, event: string, ...args: unknown[]): void {
    const [socket] = args;
    if (event === 'secureConnection' && socket instanceof TlsSocket) socket.destroy(error);
    else super[captureRejectionSymbol]?.(error, event, ...(args as never[]));
  }

  /**
   * Adds or replaces the context for clients that request `hostname` (SNI). `*` may stand for the whole first label; an exact
   * name takes precedence. Connections that were accepted before keep their context.
   *
   * @throws as `createSecureContext`; S2nPkeyError `ERR_TLS_REQUIRED_SERVER_NAME` without a name.
   */
  addContext(hostname: string, context: SecureContext | SecureContextOptions): void {
    this.#contexts.add(hostname, context);
  }

  /**
   * Replaces all certificates and the policy that the server was created with. Contexts from `addContext` stay, and
   * connections that were accepted before keep theirs.
   *
   * @throws as `createSecureContext`.
   */
  setSecureContext(options: SecureContextOptions): void {
    this.#contexts.replaceDefault(options);
  }

  /**
   * Replaces the OCSP response for the server's own certificate (the first, if it has several); null: none. Call it before
   * the nextUpdate of the current response.
   *
   * @throws InvalidOptionError unless it is an OCSP response, DER.
   */
  setOcspResponse(response: Uint8Array | null): void {
    this.#contexts.replaceOcspResponse(response);
  }

  /**
   * Returns the key that currently encrypts session tickets: 16 bytes of name and 32 of secret.
   *
   * @throws S2nPkeyError `ERR_S2N_PKEY_NO_SESSION_TICKETS` for a server without session tickets.
   */
  getTicketKeys(): Buffer {
    return this.#contexts.ticketKey();
  }

  /**
   * Replaces the session ticket keys: with one, such as another process's `getTicketKeys` returned, or with several, of which the
   * first encrypts and all decrypt. They are no longer rotated, and tickets of other keys cannot be resumed.
   *
   * @throws InvalidOptionError unless each has 48 bytes; otherwise as `getTicketKeys`.
   */
  setTicketKeys(keys: SharedTicketKeys): void {
    this.#contexts.replaceTicketKey(keys);
  }
}

/**
 * Creates a TLS server whose private key stays with the signer:
 * `createServer({ cert, signer }, (socket) => …).listen(8443)`.
 *
 * @throws InvalidOptionError, naming the option; KeyMismatchError if the certificate is not for the signer's key;
 * S2nPkeyError `ERR_S2N_PKEY_SECURITY_POLICY` if the policy can never use the certificate.
 */
export function createServer(
  options: TlsServerOptions & ServerOpts,
  onSecureConnection?: (socket: TlsSocket) => void,
): TlsServer {
  return new TlsServer(options, onSecureConnection);
}
