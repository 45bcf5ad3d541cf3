import type { Server } from 'node:net';
import { engine } from '../native/engine.ts';
import { takeAcceptedDescriptors } from './accepted-descriptors.ts';
import { createSecureContext } from './secure-context.ts';
import { ServerHandshake } from './server-handshake.ts';
import { readHandshakeTimeout, readSocketOptions, type TlsServerOptions } from './server-options.ts';

/**
 * Secures what `server` accepts from now on: every connection becomes a `'secureConnection'` with a `TlsSocket`, or a
 * `'tlsClientError'`. Checks all options before the server is touched.
 */
export function secureServer(server: Server, options: TlsServerOptions): void {
  const handshakeTimeout = readHandshakeTimeout(options.handshakeTimeout);
  const socketOptions = readSocketOptions(options);
  const context = createSecureContext(options);
  takeAcceptedDescriptors(server, (fd) => {
    ServerHandshake.begin(engine(), server, context, fd, handshakeTimeout, socketOptions);
  });
}
