import type { Server, Socket } from 'node:net';
import { readSignatureLimits } from '../../signers/admission/admission-of-server.ts';
import { addon } from '../../native/addon.ts';
import { engine } from '../../native/engine.ts';
import { loggerOption } from '../../observe/log/log.ts';
import { logForServer } from '../../observe/log/log-of-server.ts';
import { readOption } from '../../options/option.ts';
import { AcceptGate } from './accept-gate.ts';
import { takeAcceptedDescriptors } from './accepted-descriptors.ts';
import { readProtocols } from '../context/alpn-protocols.ts';
import { shareTicketKeysInCluster } from './cluster-ticket-keys.ts';
import { contextRules, type ContextRule } from '../context/effective-settings.ts';
import { descriptorOf } from '../node/node-internals.ts';
import { transportOf } from '../carrier/given-stream.ts';
import { warnOfIgnoredFlags } from '../context/ignored-flags.ts';
import { logsKeysToFile } from '../context/key-log-file.ts';
import { answersOcspRequests } from './ocsp-request.ts';
import { readClientCertificates } from '../context/peer-verification.ts';
import { createSecureContext } from '../context/secure-context.ts';
import { ServerContexts } from '../context/server-contexts.ts';
import { readSessionOptions } from '../context/session-options.ts';
import { readProxyProtocol } from './proxy-protocol.ts';
import { ServerHandshake, type HandshakeOptions, type ServerEvents } from './server-handshake.ts';
import { readConnectionOptions, type TlsServerOptions } from './server-options.ts';
import { ServerConnections, trackConnections } from './server-connections.ts';
import { refuseUnsupportedEvents } from './unsupported-events.ts';

const contextsOfServers = new WeakMap<Server, ServerContexts>();

/** The contexts of a server secured by `secureServer`; undefined for any other server. */
export function contextsOf(server: Server): ServerContexts | undefined {
  return contextsOfServers.get(server);
}

contextRules satisfies Record<keyof TlsServerOptions, ContextRule>;

const tlsEvents: ServerEvents = { secure: 'secureConnection', failed: 'tlsClientError' };
const httpEvents: ServerEvents = { secure: 'connection', failed: 'clientError' };

/**
 * Secures all connections that `server` accepts from now on. Each one, and each stream passed to
 * `server.emit('connection', stream)`, leads to `'secureConnection'` with a `TlsSocket`, or to `'tlsClientError'`. Checks all
 * options before it changes the server. Returns the server's contexts, so that the caller can change them.
 *
 * An `'http'` server does not know about TLS. It gets its sockets by `'connection'`, and other streams passed to that event
 * are not secured.
 */
export function secureServer(
  server: Server,
  options: TlsServerOptions,
  kind: 'tls' | 'http' = 'tls',
): ServerContexts {
  const { handshakeTimeout, ...connectionOptions } = readConnectionOptions(options);
  const events = kind === 'tls' ? tlsEvents : httpEvents;
  const socketOptions: HandshakeOptions = {
    ...connectionOptions,
    events,
    tally: new (addon().DescriptorTally)(),
    connections: new ServerConnections(),
    admissionOf: readSignatureLimits(options.signatureLimits),
    proxyPolicy: readProxyProtocol(options.proxyProtocol),
  };
  const logger = readOption('logger', loggerOption, options.logger);
  const alpnProtocols = readProtocols(options.ALPNProtocols);
  const clientCertificates = readClientCertificates(options);
  const sessions = readSessionOptions(options, clientCertificates);
  const contexts = new ServerContexts(createSecureContext(options), {
    serverOptions: options,
    alpnProtocols,
    clientCertificates,
    sessions,
    asksApplication: () => socketOptions.clientHello !== undefined || answersOcspRequests(server),
    logsKeys: () => server.listenerCount('keylog') > 0 || logsKeysToFile(),
  });
  contextsOfServers.set(server, contexts);
  const { contexts: secured } = contexts.current(); // report contradictions now, not at the first connection
  // In a cluster, the primary knows before the server listens that its limits are divided.
  for (const { identities } of secured)
    for (const { signer } of identities) socketOptions.admissionOf(signer);
  refuseUnsupportedEvents(server);
  trackConnections(server, socketOptions.connections);
  warnOfIgnoredFlags();
  logForServer(server, logger, () => socketOptions.connections.draining);
  shareTicketKeysInCluster(server, contexts);
  const gate = new AcceptGate(server, engine());
  if (kind === 'tls') {
    server.on('connection', (stream: Socket) => {
      if (!gate.admits(descriptorOf(stream))) {
        refuse(server, stream);
        return;
      }
      if (stream.destroyed) return;
      try {
        ServerHandshake.beginOver(
          transportOf(stream),
          engine(),
          server,
          contexts.current(),
          handshakeTimeout,
          socketOptions,
        );
      } catch (error) {
        stream.destroy();
        server.emit('tlsClientError', error, stream);
      }
    });
  }
  // A user's listener gets each socket before TLS, as with a tls server.
  const wantsSockets = (): boolean => server.listenerCount('connection') > 1;
  const takes = kind === 'tls' ? wantsSockets : 'never';
  const onDescriptor = (fd: number): void => {
    ServerHandshake.begin(engine(), server, contexts.current(), fd, handshakeTimeout, socketOptions);
  };
  const checksBlockList = socketOptions.proxyPolicy !== undefined; // the header's address, not the balancer's
  takeAcceptedDescriptors(server, gate, socketOptions.tally, takes, onDescriptor, checksBlockList);
  return contexts;
}

/** Refuses a connection for which there is no descriptor, with the `'drop'` event of net.Server. */
function refuse(server: Server, stream: Socket): void {
  const { localAddress, localPort, localFamily, remoteAddress, remotePort, remoteFamily } = stream;
  stream.destroy();
  server.emit('drop', { localAddress, localPort, localFamily, remoteAddress, remotePort, remoteFamily });
}
