/**
 * What a socket is when a handler first sees it, field for field and listener for listener: the inventory of what node:tls does to a
 * socket without its being in the list of methods. What is left different is in docs/differences.md.
 */
import { EventEmitter, once } from 'node:events';
import { connect as connectTcp, createServer as createTcpServer, Socket, type Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectNodeTls } from 'node:tls';
import { memoryConnection } from '../../lib/doctor/memory-connection.ts';
import { keptServers } from '../fixtures/kept-servers.ts';
import { connectTls, listen, next } from '../fixtures/peers.ts';
import {
  clientScenario,
  type ClientImplementation,
  type CommonConnectOptions,
} from './client-implementations.ts';
import { scenario, type Observation } from './scenario.ts';
import { nodeTls, trusted } from './servers.ts';

/** What this Node calls a listener that `once` added. */
const [ONCE = ''] = new EventEmitter()
  .once('event', () => undefined)
  .rawListeners('event')
  .map(({ name }) => name);

/** Listeners by which each implementation keeps its own books; without a name where the function has none. */
const upkeep: Record<string, readonly string[]> = {
  close: ['onSocketCloseDestroySSL', 'onSocketClose', ONCE],
  connect: [ONCE],
  end: ['onConnectEnd'],
  newListener: ['keylogNewListener', 'newListener'],
  secure: ['onServerSocketSecure'],
  _tlsError: ['onSocketTLSError'],
};

const fields = [
  ...['allowHalfOpen', 'alpnProtocol', 'authorizationError', 'authorized', 'bytesRead', 'bytesWritten'],
  ...['closed', 'connecting', 'destroyed', 'encrypted', 'errored', 'localAddress', 'localFamily'],
  ...[
    'readable',
    'readableAborted',
    'readableDidRead',
    'readableEncoding',
    'readableEnded',
    'readableFlowing',
  ],
  ...['readableHighWaterMark', 'readableLength', 'readyState', 'remoteAddress', 'remoteFamily'],
  ...['secureConnecting', 'servername', 'timeout', 'writable', 'writableCorked', 'writableEnded'],
  ...['writableFinished', 'writableHighWaterMark', 'writableLength', 'writableNeedDrain'],
  '_secureEstablished', // asked by listeners for a handshake that failed
];

function inventory(socket: Duplex): Record<string, unknown> {
  const seen: Record<string, unknown> = {};
  for (const event of socket.eventNames()) {
    const names = socket.rawListeners(event).map((listener) => listener.name);
    const theirs = names.filter((name) => !upkeep[String(event)]?.includes(name));
    if (theirs.length > 0) seen[`on ${String(event)}`] = theirs;
  }
  const all = socket as unknown as Record<string, unknown>;
  for (const field of fields) seen[field] = all[field];
  return seen;
}

describe('At hand-over, the same as with node:tls', () => {
  const sockets: Duplex[] = [];
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
  });
  const kept = keptServers();

  /** Connects a client to `front`, has it say something, and takes stock of what `event` of `server` hands over. */
  async function handOver(
    server: Server,
    event: string,
    { front = server, says = '' }: { front?: Server; says?: string } = {},
  ): Promise<Observation> {
    const port = await listen(kept(front));
    // At once: a turn later other things may have happened to it.
    const seen = new Promise<Observation>((resolve) => {
      server.once(event, (...args: unknown[]) => {
        const socket = args.find((arg) => arg instanceof Socket);
        if (socket === undefined) throw new Error(`there is no socket in '${event}'`);
        sockets.push(socket);
        resolve({ ...inventory(socket), belongs: 'server' in socket && socket.server === server });
      });
    });
    const client = await connectTls(port);
    client.on('error', () => undefined);
    sockets.push(client);
    client.write(says);
    return seen;
  }

  const upgrade = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: test\r\n\r\n';
  const tunnel = 'CONNECT localhost:1 HTTP/1.1\r\nHost: localhost:1\r\n\r\n';

  for (const options of [{}, { allowHalfOpen: true }, { pauseOnConnect: true }]) {
    scenario(`a tls server with ${JSON.stringify(options)}`, (of) =>
      handOver(
        of.createServer(options, () => undefined),
        'secureConnection',
      ),
    );
  }

  for (const allowHalfOpen of [false, true]) {
    const kind = allowHalfOpen ? 'a half-open socket' : 'a socket';
    scenario(`a tls server that is given ${kind}`, (of) => {
      const server = of.createServer({}, () => undefined);
      const front = createTcpServer({ allowHalfOpen }, (socket) => server.emit('connection', socket));
      return handOver(server, 'secureConnection', { front });
    });
  }

  scenario('a tls server that is given a Duplex', async (of) => {
    const server = of.createServer({}, () => undefined);
    const secure = next<Socket>(server, 'secureConnection');
    const [near, far] = memoryConnection();
    sockets.push(near, far); // the end of one is not that of the other
    server.emit('connection', far);
    sockets.push(connectNodeTls({ socket: near, ca: trusted, servername: 'localhost' }));
    return inventory(await secure);
  });

  scenario("an https server's 'secureConnection'", (of) =>
    handOver(
      of.createHttpsServer({}, () => undefined),
      'secureConnection',
    ),
  );
  scenario("an https server's 'upgrade'", (of) =>
    handOver(
      of.createHttpsServer({}, () => undefined),
      'upgrade',
      { says: upgrade },
    ),
  );
  scenario("an https server's 'connect'", (of) =>
    handOver(
      of.createHttpsServer({}, () => undefined),
      'connect',
      { says: tunnel },
    ),
  );
  scenario("an http2 server's 'unknownProtocol'", (of) =>
    handOver(of.createHttp2Server({}), 'unknownProtocol'),
  );

  scenario("'tlsClientError'", async (of) => {
    const server = kept(of.createServer({}, () => undefined));
    const port = await listen(server);
    const failed = once(server, 'tlsClientError') as Promise<[Error, Socket & { server: unknown }]>;
    const client = connectTcp(port, '127.0.0.1', () => client.write('this is no record of TLS at all'));
    sockets.push(client.on('error', () => undefined));
    const [error, socket] = await failed;
    // The rest of the list is about connections that are open.
    return {
      belongs: socket.server === server,
      destroyed: socket.destroyed,
      errored: socket.errored === error,
      secure: (socket as Socket & { _secureEstablished?: boolean })._secureEstablished,
    };
  });

  scenario("'tlsClientError' of a client that goes in its handshake", async (of) => {
    const server = kept(of.createServer({}, () => undefined));
    const port = await listen(server);
    const failed = once(server, 'tlsClientError') as Promise<[NodeJS.ErrnoException, Socket]>;
    const client = connectTcp(port, '127.0.0.1', () => client.destroy());
    const [{ code, message }, socket] = await failed;
    return { code, said: /socket hang up/.exec(message)?.[0], errored: socket.errored };
  });

  describe('a client', () => {
    async function server(): Promise<number> {
      return listen(kept(nodeTls.createServer({}, (socket) => void sockets.push(socket))));
    }
    const connect = (client: ClientImplementation, options: CommonConnectOptions): Socket => {
      const socket = client.connect({ servername: 'localhost', ca: trusted, ...options });
      sockets.push(socket);
      return socket;
    };

    clientScenario('at once', async (implementation) => {
      const port = await server();
      const { alpnProtocol, servername, ...rest } = inventory(
        connect(implementation, { port, host: '127.0.0.1' }),
      );
      // Null and false: not known yet.
      return { ...rest, alpnProtocol: Boolean(alpnProtocol), servername: Boolean(servername) };
    });

    for (const options of [{}, { allowHalfOpen: true }, { highWaterMark: 100 }]) {
      clientScenario(`that is secure, with ${JSON.stringify(options)}`, async (implementation) => {
        const socket = connect(implementation, { port: await server(), host: '127.0.0.1', ...options });
        return new Promise((resolve) => socket.once('secureConnect', () => resolve(inventory(socket))));
      });
    }

    for (const allowHalfOpen of [false, true]) {
      clientScenario(`over ${allowHalfOpen ? 'a half-open socket' : 'a socket'}`, async (implementation) => {
        const given = connectTcp({ port: await server(), host: '127.0.0.1', allowHalfOpen });
        await once(given, 'connect');
        const socket = connect(implementation, { socket: given });
        return new Promise((resolve) => socket.once('secureConnect', () => resolve(inventory(socket))));
      });
    }

    clientScenario('that has closed', async (implementation) => {
      const socket = connect(implementation, { port: await server(), host: '127.0.0.1' });
      await once(socket, 'secureConnect');
      socket.destroy();
      await once(socket, 'close');
      const seen = inventory(socket);
      // node:tls forgets them.
      for (const field of ['localAddress', 'localFamily', 'remoteAddress', 'remoteFamily'])
        delete seen[field];
      return seen;
    });
  });
});
