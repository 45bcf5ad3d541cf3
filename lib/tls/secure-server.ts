import type { Server } from 'node:net';
import { engine } from '../native/engine.ts';
import { takeAcceptedDescriptors } from './accepted-descriptors.ts';
import { createSecureContext } from './secure-context.ts';
import { ServerContexts } from './server-contexts.ts';
import { ServerHandshake } from './server-handshake.ts';
import {
  readHandshakeTimeout,
  readProtocols,
  readSocketOptions,
  type TlsServerOptions,
} from './server-options.ts';

/**
 * Secures what `server` accepts from now on: every connection becomes a `'secureConnection'` with a `TlsSocket`, or a
 * `'tlsClientError'`. Checks all options before the server is touched. Returns the server's contexts, for it to change.
 */
export function secureServer(server: Server, options: TlsServerOptions): ServerContexts {
  const handshakeTimeout = readHandshakeTimeout(options.handshakeTimeout);
  const socketOptions = readSocketOptions(options);
  const alpnProtocols = readProtocols(options.ALPNProtocols);
  const contexts = new ServerContexts(createSecureContext(options), { alpnProtocols });
  contexts.current(); // what does not fit together is said now, and not at the first connection
  takeAcceptedDescriptors(server, (fd) => {
    ServerHandshake.begin(engine(), server, contexts.current(), fd, handshakeTimeout, socketOptions);
  });
  return contexts;
}
