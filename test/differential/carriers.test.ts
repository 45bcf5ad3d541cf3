/** What a socket has from the stream that carries it, on servers and clients, the same as with node:tls. */
import { once } from 'node:events';
import { connect as connectTcp, createServer as createTcpServer, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { connect as connectNodeTls, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { memoryConnection } from '../../lib/doctor/memory-connection.ts';
import { buildConnector, connect, type TlsSocket } from '../../lib/index.ts';
import { keptServers } from '../fixtures/kept-servers.ts';
import { listen, next, readAll } from '../fixtures/peers.ts';
import { meaning, scenario, type Observation } from './scenario.ts';
import { nodeTls, trusted, type Implementation, type SecureSocket } from './servers.ts';

type ClientSocket = TLSSocket | TlsSocket;

function connectOver(implementation: Implementation, socket: Duplex): ClientSocket {
  const options = { socket, servername: 'localhost', ca: trusted };
  return implementation === nodeTls ? connectNodeTls(options) : connect(options);
}

/** Two ends of a carrier: a TCP connection or a Duplex without a descriptor. */
type Carrier = () => Promise<[Duplex, Duplex]>;

describe('Over a carrier, the same as with node:tls', () => {
  const sockets: Duplex[] = [];
  afterEach(() => {
    for (const socket of sockets.splice(0)) socket.destroy();
  });
  const kept = keptServers();

  async function tcp(options: { allowHalfOpen: boolean }): Promise<[Socket, Socket]> {
    const server = kept(createTcpServer(options));
    const port = await listen(server);
    const accepted = next<Socket>(server, 'connection');
    const near = connectTcp({ port, host: '127.0.0.1', ...options });
    near.on('error', () => undefined);
    const far = await accepted;
    sockets.push(near, far);
    if (near.connecting) await once(near, 'connect');
    return [near, far];
  }

  function inMemory(): [Duplex, Duplex] {
    const ends = memoryConnection();
    sockets.push(...ends);
    return ends;
  }

  const carriers: Record<string, Carrier> = {
    'a TCP socket': () => tcp({ allowHalfOpen: false }),
    'a half-open TCP socket': () => tcp({ allowHalfOpen: true }),
    'a half-open Duplex': () => Promise.resolve(inMemory()),
  };

  /** A server's socket and a node:tls client's, secure, over a carrier's two ends. */
  async function serve(
    implementation: Implementation,
    ends: [Duplex, Duplex],
  ): Promise<[SecureSocket, TLSSocket]> {
    const server = implementation.createServer({}, () => undefined);
    const secure = next<SecureSocket>(server, 'secureConnection');
    server.emit('connection', ends[1]);
    const client = connectNodeTls({ socket: ends[0], ca: trusted, servername: 'localhost' });
    const [socket] = await Promise.all([secure, once(client, 'secureConnect')]);
    return [socket, client];
  }

  for (const [name, make] of Object.entries(carriers)) {
    scenario(
      `${name}: a server answers after its client's end, if the carrier lets it`,
      async (implementation) => {
        const [near, far] = await make();
        near.on('error', () => undefined);
        const [socket, client] = await serve(implementation, [near, far]);
        // Late enough for a socket that is not half-open to have ended by itself.
        socket.on('end', () => setImmediate(() => socket.writable && socket.end('an answer')));
        socket.resume();
        const answer = readAll(client);
        client.end('a question');
        return { allowHalfOpen: socket.allowHalfOpen, answer: (await answer).toString() };
      },
    );

    scenario(
      `${name}: a client answers after its server's end, if the carrier lets it`,
      async (implementation) => {
        const [near, far] = await make();
        const server = nodeTls.createServer({}, () => undefined);
        const secure = next<SecureSocket>(server, 'secureConnection');
        server.emit('connection', Object.assign(far, { allowHalfOpen: true }));
        const client = connectOver(implementation, near);
        const [socket] = await Promise.all([secure, once(client, 'secureConnect')]);
        client.on('end', () => setImmediate(() => client.writable && client.end('an answer')));
        client.resume();
        const answer = readAll(socket);
        socket.end('a question');
        return { allowHalfOpen: client.allowHalfOpen, answer: (await answer).toString() };
      },
    );
  }

  /** How often the idle timer of a socket was begun anew. */
  function watchTimer(socket: Socket): () => number {
    socket.setTimeout(60_000);
    const [symbol] = Object.getOwnPropertySymbols(socket).filter(
      ({ description }) => description === 'timeout',
    );
    const timer = (socket as unknown as Record<symbol, NodeJS.Timeout>)[symbol ?? Symbol.iterator];
    if (!timer) throw new Error('this Node keeps the timer of a socket somewhere else');
    let refreshed = 0;
    const refresh = timer.refresh.bind(timer);
    timer.refresh = (): NodeJS.Timeout => {
      refreshed++;
      return refresh();
    };
    return () => refreshed;
  }

  /** Whether what a socket reads, and what it writes, refreshes the idle timer of its carrier. */
  async function refreshes(
    socket: SecureSocket | ClientSocket,
    peer: Socket,
    timer: () => number,
  ): Promise<Observation> {
    let before = timer();
    peer.write('read');
    await once(socket, 'data');
    const read = timer() > before;
    before = timer();
    socket.write('written');
    await once(peer, 'data');
    return { read, written: timer() > before };
  }

  scenario("a server's socket refreshes the idle timer of what it was given", async (implementation) => {
    const ends = await tcp({ allowHalfOpen: false });
    const timer = watchTimer(ends[1]);
    const [socket, client] = await serve(implementation, ends);
    const seen = await refreshes(socket, client, timer);
    client.destroy();
    expect(seen).to.deep.equal({ read: true, written: true });
    return seen;
  });

  scenario("a client's socket refreshes the idle timer of what it was given", async (implementation) => {
    const [near, far] = await tcp({ allowHalfOpen: false });
    const timer = watchTimer(near);
    const server = nodeTls.createServer({}, () => undefined);
    const secure = next<SecureSocket>(server, 'secureConnection');
    server.emit('connection', far);
    const client = connectOver(implementation, near);
    const [socket] = await Promise.all([secure, once(client, 'secureConnect')]);
    const seen = await refreshes(client, socket, timer);
    client.destroy();
    expect(seen).to.deep.equal({ read: true, written: true });
    return seen;
  });

  describe('that ends before it has carried anything', () => {
    interface Ending {
      readonly given: () => Promise<Socket | Duplex>;
      readonly act: (given: Duplex) => void;
      /** The carrier broke: node:tls emits `'close'` as if it had ended in order. */
      readonly breaks?: boolean;
    }

    const connected = async (): Promise<Socket> => (await tcp({ allowHalfOpen: false }))[0];
    const connecting = async (): Promise<Socket> =>
      connectTcp(await listen(kept(createTcpServer())), '127.0.0.1');
    const duplex = (): Promise<Duplex> => Promise.resolve(inMemory()[0]);
    const destroy = (given: Duplex): void => void given.destroy();
    const shatter = (given: Duplex): void => void given.destroy(new Error('on purpose'));
    const later = (act: (given: Duplex) => void) => (given: Duplex) =>
      void setImmediate(() => setImmediate(act, given));

    const endings: Record<string, Ending> = {
      'a socket on its way, destroyed': { given: connecting, act: destroy },
      'a socket on its way, destroyed with an error': { given: connecting, act: shatter, breaks: true },
      'a socket, destroyed at once': { given: connected, act: destroy },
      'a socket, destroyed in the handshake': { given: connected, act: later(destroy) },
      'a socket, destroyed in the handshake with an error': {
        given: connected,
        act: later(shatter),
        breaks: true,
      },
      'a Duplex, destroyed at once': { given: duplex, act: destroy },
      'a Duplex, destroyed in the handshake': { given: duplex, act: later(destroy) },
      'a Duplex, destroyed in the handshake with an error': {
        given: duplex,
        act: later(shatter),
        breaks: true,
      },
    };

    for (const [name, { given, act, breaks = false }] of Object.entries(endings)) {
      scenario(
        `a client: ${name}`,
        async (implementation) => {
          const carrier = await given();
          const client = connectOver(implementation, carrier);
          const errors: string[] = [];
          client.on('error', (error: Error) => errors.push(error.message));
          act(carrier);
          const hadError = await new Promise<boolean>((resolve) => client.on('close', resolve));
          return { errors, hadError, errored: client.errored?.message };
        },
        breaks
          ? {
              hadError: { nodeTls: false, s2nPkey: true, why: 'carrier-that-breaks' },
              errored: { nodeTls: undefined, s2nPkey: 'on purpose', why: 'carrier-that-breaks' },
            }
          : {},
      );

      it(`undici's connector calls back: ${name}`, async () => {
        const carrier = await given();
        const error = new Promise<Error | null>((resolve) => {
          const httpSocket = carrier as Socket;
          const request = { hostname: 'localhost', protocol: 'https:', port: '1', httpSocket };
          buildConnector({ ca: trusted })(request, resolve);
        });
        act(carrier);
        expect(await error).to.be.instanceOf(Error);
      });

      if (given === connecting) continue;
      scenario(`a server: ${name}`, async (implementation) => {
        const server = implementation.createServer({}, () => undefined);
        const failed = once(server, 'tlsClientError') as Promise<[Error, SecureSocket]>;
        const carrier = await given();
        server.emit('connection', carrier);
        act(carrier);
        const [error, socket] = await failed;
        return { error: meaning(error), server: 'server' in socket && socket.server === server };
      });
    }

    it('a client that is given a socket that is closed already says so', async () => {
      const [carrier] = await tcp({ allowHalfOpen: false });
      carrier.destroy();
      await once(carrier, 'close');
      const client = connect({ socket: carrier, ca: trusted });
      expect(await next<Error>(client, 'error')).to.include({ code: 'ECONNRESET' });
    });

    for (const how of ['resets', 'does not read'] as const) {
      scenario(
        `a server whose client ${how} before it has read what came before TLS`,
        async (implementation) => {
          const server = implementation.createServer({ handshakeTimeout: 200 }, () => undefined);
          const failed = once(server, 'tlsClientError') as Promise<[Error]>;
          const [near, far] = await tcp({ allowHalfOpen: false });
          near.pause();
          far.write(Buffer.alloc(16_000_000)); // more than the kernel holds
          server.emit('connection', far);
          if (how === 'resets') setImmediate(() => near.resetAndDestroy());
          const [error] = await failed;
          far.destroy();
          return { error: meaning(error) };
        },
      );
    }
  });
});
