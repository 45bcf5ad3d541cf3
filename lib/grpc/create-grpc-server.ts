/**
 * gRPC on this package's TLS. `@grpc/grpc-js` makes its own http2 servers and wants keys for secure ones; what it offers instead is to
 * inject connections. It is not imported here.
 *
 * @module s2n-pkey/grpc
 */
import type { ServerOpts } from 'node:net';
import { InvalidOptionError } from '../errors.ts';
import { connectionsOf } from '../tls/server/server-connections.ts';
import { createServer, type TlsServer } from '../tls/server/create-server.ts';
import { overlay } from '../tls/context/effective-settings.ts';
import type { TlsServerOptions } from '../tls/server/server-options.ts';
import type { TlsSocket } from '../tls/socket/tls-socket.ts';

/** What `server.createConnectionInjector(ServerCredentials.createInsecure())` of `@grpc/grpc-js` returns. */
export interface ConnectionInjector {
  injectConnection(connection: TlsSocket): void;
  /** Sends GOAWAY, and ends what is left after this time. `drain` of this package calls it. */
  drain?(graceTimeMs: number): void;
}

/**
 * A TLS server whose connections are those of a gRPC server: `createGrpcServer(injector, { cert, signer }).listen(50051)`. Peer
 * addresses and, with `requestCert`, client certificates (`call.getAuthContext()`) are as with grpc-js's own secure servers. ALPN is
 * `h2` unless `ALPNProtocols` says more.
 *
 * @throws as `createServer`.
 */
export function createGrpcServer(
  injector: ConnectionInjector,
  options: TlsServerOptions & ServerOpts,
): TlsServer {
  if (typeof injector?.injectConnection !== 'function') {
    throw new InvalidOptionError(
      'injector',
      'server.createConnectionInjector(ServerCredentials.createInsecure())',
      injector,
    );
  }
  if (typeof options !== 'object' || (options as unknown) === null) {
    throw new InvalidOptionError('options', '{ cert, signer, … }', options);
  }
  const server = createServer(
    overlay<TlsServerOptions & ServerOpts>({ ALPNProtocols: ['h2'] }, options),
    (socket) => {
      // A connection that breaks ends its calls, which is where gRPC tells of it.
      socket.on('error', () => undefined);
      injector.injectConnection(socket);
    },
  );
  connectionsOf(server)?.onDrain((within) => injector.drain?.(within));
  return server;
}
