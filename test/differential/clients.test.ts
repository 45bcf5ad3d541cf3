import { close, listen } from '../fixtures/peers.ts';
import {
  GoClient,
  JavaClient,
  NodeClient,
  OpensslClient,
  describeForEach,
  type Protocol,
  type TlsClient,
} from './clients.ts';
import { EventLog, meaning, scenario, type Observation } from './scenario.ts';
import { trusted, type CommonOptions, type Implementation, type SecureSocket } from './servers.ts';

const socketEvents = ['data', 'end', 'finish', 'close', 'error', 'timeout'];
const serverEvents = ['secureConnection', 'tlsClientError'];

/** One exchange: the client's text comes back in brackets once the client has ended. */
async function exchange(
  implementation: Implementation,
  client: TlsClient,
  protocol: Protocol,
  options: CommonOptions & { offered?: string[] } = {},
): Promise<Observation> {
  const { offered = [], ...serverOptions } = options;
  const log = new EventLog();
  const errors: string[] = [];
  let facts: Observation = {};
  let ended: Promise<unknown> = Promise.resolve();
  const server = implementation.createServer(serverOptions, (socket) => {
    facts = factsOf(socket);
    log.watch(socket, 'socket', socketEvents);
    socket.on('error', (error) => errors.push(meaning(error)));
    let text = '';
    socket.setEncoding('utf8').on('data', (part: string) => {
      text += part;
      if (text.endsWith('\n')) socket.end(`[${text.trimEnd()}]`);
    });
    ended = new Promise<void>((resolve) => {
      socket.on('close', () => {
        facts = { ...facts, bytesRead: socket.bytesRead, destroyed: socket.destroyed };
        resolve();
      });
    });
  });
  log.watch(server, 'server', serverEvents);
  server.on('tlsClientError', (error: Error, socket: SecureSocket) => {
    errors.push(meaning(error));
    facts = { destroyed: socket.destroyed };
  });
  const port = await listen(server);
  const view = await client.exchange({
    port,
    name: 'localhost',
    cert: trusted,
    protocol,
    alpn: offered,
    send: 'a question',
  });
  await Promise.all([close(server), ended]); // there is nothing more to see
  return { facts, events: log.names, errors, client: view };
}

function factsOf(socket: SecureSocket): Observation {
  const { encrypted, authorized, alpnProtocol, servername, remoteAddress, remoteFamily, localAddress } =
    socket;
  return {
    ...{ encrypted, authorized, alpnProtocol, servername, remoteAddress, remoteFamily, localAddress },
    protocol: socket.getProtocol(),
    resumed: socket.isSessionReused(),
    remotePort: typeof socket.remotePort,
    connecting: socket.connecting,
    readyState: socket.readyState,
  };
}

describeForEach(
  [new NodeClient(), new OpensslClient(), new GoClient(), new JavaClient()],
  (name) => `The same as node:tls, seen by a client of ${name}`,
  (client: TlsClient) => {
    for (const protocol of ['TLSv1.2', 'TLSv1.3'] as const) {
      scenario(`${protocol}: a question, an answer, and a close in order`, (implementation) =>
        exchange(implementation, client, protocol),
      );
      scenario(`${protocol}: ALPN agrees on the server's first choice`, (implementation) =>
        exchange(implementation, client, protocol, { ALPNProtocols: ['b', 'a'], offered: ['a', 'b'] }),
      );
      scenario(`${protocol}: no common ALPN protocol ends the handshake`, (implementation) =>
        exchange(implementation, client, protocol, { ALPNProtocols: ['b'], offered: ['a'] }),
      );
    }

    scenario('TLSv1.1 is refused', (implementation) => exchange(implementation, client, 'TLSv1.1'));
  },
);
