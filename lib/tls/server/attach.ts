import { Server as NetServer } from 'node:net';
import { Server as TlsServer } from 'node:tls';
import { InvalidOptionError, S2nPkeyError } from '../../errors.ts';
import { reasonToFallBack } from '../../native/development-fallback.ts';
import { connectionCount } from '../node/node-internals.ts';
import { checkNode } from '../node/supported-node.ts';
import { serveByNodeTls } from './development-fallback.ts';
import { secureServer } from './secure-server.ts';
import type { SecureContext, SecureContextOptions } from '../context/secure-context.ts';
import type { TlsServerOptions } from './server-options.ts';
import type { SharedTicketKeys } from '../context/session-options.ts';
import { overlay } from '../context/effective-settings.ts';
import { settingsOf } from './server-settings.ts';
import { refuseUnsupported } from '../context/unsupported-options.ts';

/** The error that `attach` throws for a server that it cannot secure. */
export class AttachError extends S2nPkeyError {}

const attached = new WeakSet<NetServer>();

/** The options that Node's own tls.Server keeps. */
interface TlsServerFields {
  key?: unknown;
  cert?: unknown;
  pfx?: unknown;
  /** The contexts that `addContext` added. */
  _contexts?: unknown;
}

/**
 * Secures an `https`, `http2` (secure) or `tls` server that was created without a key, and returns it. Its listeners, limits
 * and timeouts stay in force, and its connections are `TlsSocket`s. Options that the server was created with apply unless
 * `options` overrides them.
 *
 * @throws AttachError `ERR_S2N_PKEY_ATTACH` for a server that is not a TLS server, has a key, is already attached or has
 * connections; otherwise as `createServer`.
 */
export function attach<S extends NetServer>(server: S, options: TlsServerOptions): S {
  checkNode(); // first: in other runtimes an https server is no net.Server
  if (!(server instanceof NetServer)) {
    throw new InvalidOptionError('server', 'a server, such as https.createServer(app)', server);
  }
  if (typeof options !== 'object' || (options as unknown) === null) {
    throw new InvalidOptionError('options', '{ cert, signer, … }', options);
  }
  refuseServer(server);
  const reason = reasonToFallBack();
  if (reason !== undefined && server instanceof TlsServer) {
    serveByNodeTls(server, options, reason);
    attached.add(server);
    return server;
  }
  const own = settingsOf(server);
  // https and http2 set default protocols. A callback that chooses for each client takes precedence.
  if (options.ALPNCallback) delete own.ALPNProtocols;
  const all = overlay(own, options);
  refuseUnsupported(all);
  const removed = server
    .listeners('connection')
    .filter((listener) => listener.name === 'tlsConnectionListener');
  const contexts = secureServer(server, all);
  for (const listener of removed) server.removeListener('connection', listener as () => void);
  attached.add(server);
  // The server's own methods would accept a key and then ignore it.
  Object.assign(server, {
    addContext(hostname: string, context: SecureContext | SecureContextOptions): void {
      contexts.add(hostname, context);
    },
    setSecureContext(replacement: SecureContextOptions): void {
      contexts.replaceDefault(replacement);
    },
    setOcspResponse(response: Uint8Array | null): void {
      contexts.replaceOcspResponse(response);
    },
    getTicketKeys(): Buffer {
      return contexts.ticketKey();
    },
    setTicketKeys(keys: SharedTicketKeys): void {
      contexts.replaceTicketKey(keys);
    },
  });
  return server;
}

export function isAttached(server: NetServer): boolean {
  return attached.has(server);
}

/** Whether a tls server already has a key or certificate, in any of its options. */
export function holdsKeys(server: TlsServer): boolean {
  const { key, cert, pfx, _contexts: contexts } = server as TlsServerFields;
  return (
    [key, cert, pfx].some((value) => value !== undefined) || (Array.isArray(contexts) && contexts.length > 0)
  );
}

function refuseServer(server: NetServer): void {
  const refuse = (why: string): never => {
    throw new AttachError('ERR_S2N_PKEY_ATTACH', `attach: ${why}`);
  };
  if (!(server instanceof TlsServer)) {
    refuse(
      'expected an https, http2 secure or tls server; use https.createServer(handler) instead of http.createServer',
    );
  }
  if (attached.has(server)) refuse('the server is attached already');
  const { key, cert, pfx, _contexts: contexts } = server as TlsServerFields;
  if (key !== undefined || cert !== undefined || pfx !== undefined) {
    refuse('the server was made with a key or certificate; make it without, and pass { cert, signer } here');
  }
  if (Array.isArray(contexts) && contexts.length > 0) {
    refuse('the server has contexts with keys of their own; add contexts with a signer, after attach');
  }
  if (connectionCount(server) > 0) refuse('the server has open connections; attach before it listens');
}
