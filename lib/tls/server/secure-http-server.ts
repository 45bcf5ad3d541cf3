import type { Server } from 'node:http';
import { AttachError } from './attach.ts';
import { hasBlockList } from './block-list.ts';
import { checkNode } from '../node/supported-node.ts';
import { overlay } from '../context/effective-settings.ts';
import { secureServer } from './secure-server.ts';
import { settingsOf } from './server-settings.ts';
import type { TlsServerOptions } from './server-options.ts';
import { refuseUnsupported } from '../context/unsupported-options.ts';

const secured = new WeakSet<Server>();

/**
 * Turns a plain `http` server into an https server before it listens. It secures each connection first, and the `'connection'`
 * event has a `TlsSocket`. A failed handshake is a `'clientError'`, as with an https server. Limits and timeouts stay in force.
 * If this Node does not allow taking descriptors, the connection or the server is closed: nothing is served in plain text.
 *
 * @throws AttachError `ERR_S2N_PKEY_ATTACH` for a server that already listens or has a `blockList`; otherwise as `createServer`.
 */
export function secureHttpServer(server: Server, options: TlsServerOptions): void {
  checkNode();
  if (secured.has(server)) return;
  const refuse = (why: string): never => {
    throw new AttachError('ERR_S2N_PKEY_ATTACH', `an http server cannot be made an https one: ${why}`);
  };
  if (server.listening) refuse('it listens already');
  // With proxyProtocol, the handshake looks at it.
  if (hasBlockList(server) && !options.proxyProtocol) {
    refuse('it has a blockList, which Node looks at too late; check addresses in its requests');
  }
  const all = overlay({ ALPNProtocols: ['http/1.1'], ...settingsOf(server) }, options);
  refuseUnsupported(all);
  secureServer(server, all, 'http');
  secured.add(server);
}
