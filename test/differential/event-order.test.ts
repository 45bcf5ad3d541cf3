/** The whole order of what a server's sockets emit where handlers add no listener, whatever their peers do. */
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { memoryConnection } from '../../lib/doctor/memory-connection.ts';
import { peerActs, type Peer } from '../fixtures/peer-acts.ts';
import { close, listen } from '../fixtures/peers.ts';
import { when } from '../fixtures/when.ts';
import { Recorder, said } from './recorder.ts';
import { scenario, type Difference, type Observation } from './scenario.ts';
import { nodeTls, type Implementation } from './servers.ts';

/** A stalled peer does nothing, until the server's socket times out. */
const acts: typeof peerActs = { ...peerActs, stalls: () => undefined };

/** After which a half-open socket stays open. */
const endsOnly = new Set(['ends in order', 'sends FIN without close_notify']);

interface Kind {
  readonly serve: (of: Implementation, log: Recorder) => Server;
  /** What the client sends. */
  readonly asks?: string;
  /** Waits until the server is in the state that is meant. */
  readonly reached?: (log: Recorder, peer: Peer) => Promise<unknown>;
  readonly http2?: 'idle' | 'in the middle';
}

function watchSockets(server: Server, log: Recorder): Server {
  return server.on('secureConnection', (socket: Socket) => log.watch(socket, 'socket'));
}

function watchExchange(log: Recorder, request: IncomingMessage, response: ServerResponse): void {
  log.watch(request, 'request');
  log.watch(response, 'response');
}

/** A tls server that is given what another has accepted. */
function behind(server: Server, make: (socket: Socket) => unknown): Server {
  const front = createTcpServer((socket) => server.emit('connection', make(socket)));
  server.on('secureConnection', (socket) => front.emit('secureConnection', socket));
  return front;
}

const post = 'POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nthe first part';
const get = 'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n';
const upgrade = 'GET / HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: test\r\n\r\n';

const dataCame = (_log: Recorder, { client }: Peer): Promise<unknown> => once(client, 'data');

const kinds: Record<string, Kind> = {
  'a tls server': { serve: (of) => of.createServer({}, (socket) => void socket.resume()) },
  'a half-open tls server': {
    serve: (of) => of.createServer({ allowHalfOpen: true }, (socket) => void socket.resume()),
  },
  'a tls server that has written': {
    serve: (of) => of.createServer({}, (socket) => void socket.resume().write('a part')),
    reached: dataCame,
  },
  'a tls server that has ended': {
    serve: (of) => of.createServer({}, (socket) => void socket.resume().end('all')),
    reached: (_log, { client }) => once(client, 'end'),
  },
  'a tls server that was given a socket': {
    serve: (of) =>
      behind(
        of.createServer({}, (socket) => void socket.resume()),
        (socket) => socket,
      ),
  },
  "an https server's 'upgrade'": {
    serve: (of, log) =>
      of
        .createHttpsServer({}, () => undefined)
        .on('upgrade', (request, socket) => {
          log.watch(request, 'request', false);
          socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: test\r\nConnection: upgrade\r\n\r\n');
          socket.resume();
        }),
    asks: upgrade,
    reached: dataCame,
  },
  'an https server, idle': { serve: (of) => of.createHttpsServer({}, () => undefined) },
  'an https server after an answer': {
    serve: (of, log) =>
      of.createHttpsServer({}, (request, response) => {
        watchExchange(log, request, response);
        response.end('all');
      }),
    asks: get,
    reached: async (log, { client }) => {
      await Promise.all([once(client, 'data'), log.until(() => log.events.includes('request close'))]);
    },
  },
  'an https server in the middle of both bodies': {
    serve: (of, log) =>
      of.createHttpsServer({}, (request, response) => {
        watchExchange(log, request, response);
        request.resume();
        response.write('a part');
      }),
    asks: post,
    reached: dataCame,
  },
  'an http2 server, idle': {
    serve: (of, log) => of.createHttp2Server({}).on('session', (session) => log.watch(session, 'session')),
    http2: 'idle',
  },
  'an http2 server in the middle of both bodies': {
    serve: (of, log) =>
      of
        .createHttp2Server({})
        .on('session', (session) => log.watch(session, 'session'))
        .on('stream', (stream) => {
          log.watch(stream, 'stream');
          stream.respond();
          stream.write('a part');
        }),
    http2: 'in the middle',
  },
};

async function startHttp2(client: TLSSocket, state: 'idle' | 'in the middle'): Promise<void> {
  const session = connectHttp2('https://localhost', { createConnection: () => client });
  session.on('error', () => undefined);
  await once(session, 'remoteSettings');
  if (state === 'idle') return;
  const stream = session.request({ ':method': 'POST' });
  stream.on('error', () => undefined);
  stream.write('the first part');
  await once(stream, 'data');
}

async function observe(
  of: Implementation,
  { serve, asks = '', reached, http2 }: Kind,
  act: string,
  maxVersion: 'TLSv1.2' | 'TLSv1.3',
): Promise<Observation> {
  const log = new Recorder();
  const server = watchSockets(serve(of, log), log);
  const port = await listen(server);
  const tcp = connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true });
  const options = { rejectUnauthorized: false, maxVersion, ALPNProtocols: http2 ? ['h2'] : [] };
  const client = connect({ socket: tcp, ...options });
  const peer = { tcp, client };
  for (const end of [tcp, client]) end.on('error', () => undefined);
  const [[socket]] = await Promise.all([
    once(server, 'secureConnection') as Promise<[Socket]>,
    once(client, 'secureConnect'),
    reached?.(log, peer),
    (async () => {
      await once(client, 'secureConnect');
      if (http2) return startHttp2(client, http2);
      client.write(asks);
      client.resume();
    })(),
  ]);
  if (http2) await log.until(() => log.events.includes('session localSettings'));
  await new Promise(setImmediate); // node:tls gives its sessions of TLS 1.3 when listeners have returned
  log.note(`the peer ${act}`);
  acts[act]?.(peer);
  if (act === 'stalls') {
    socket.setTimeout(30);
    await log.until(() => log.events.includes('socket timeout'));
    socket.destroy();
  }
  if (socket.allowHalfOpen && endsOnly.has(act)) {
    await log.until(() => log.events.includes('socket end'));
    socket.end('an answer');
  }
  try {
    await log.until();
  } finally {
    for (const one of [socket, tcp]) one.destroy();
    await close(server);
  }
  return { events: log.events };
}

/**
 * A record that cannot be read ends this package's socket as a reset does, with another error. In node:tls the error comes, too,
 * and what follows waits for the peer (docs/differences.md).
 */
async function observeBroken(
  of: Implementation,
  kind: Kind,
  act: string,
  version: 'TLSv1.2' | 'TLSv1.3',
): Promise<Observation> {
  const { events } = await observe(of, kind, of === nodeTls ? 'resets' : act, version);
  const told = { events: (events as string[]).map((event) => event.replace('the peer is gone', 'no TLS')) };
  return { events: told.events.filter((event) => !event.startsWith('the peer')) };
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  describe(`What is emitted without a listener, in order, the same as with node:tls (${version})`, () => {
    for (const [name, kind] of Object.entries(kinds)) {
      for (const act of Object.keys(acts)) {
        scenario(`${name}; the peer ${act}`, (of) =>
          act.includes('garbage') ? observeBroken(of, kind, act, version) : observe(of, kind, act, version),
        );
      }
    }
  });
}

/** A client that stops in its handshake: what it has sent by then, and whether the server has answered. */
const states = {
  'before its hello': { sent: 0, answered: false },
  'in the middle of its hello': { sent: 100, answered: false },
  'after its hello': { sent: Infinity, answered: true },
};

const timedOut = 'tlsClientError: handshake timeout';
/** This package's socket is destroyed with the error before the listener can do anything with it. */
function timeoutOf(nodeTls: string[]): Record<string, Difference> {
  const destroyed = [timedOut, 'socket close (true)'];
  return {
    events: { nodeTls: [timedOut, ...nodeTls], s2nPkey: destroyed, why: 'handshake-timeout-destroys' },
  };
}
const forTls = timeoutOf(['socket close (false)']);
const forHttp = timeoutOf(['socket error: handshake timeout', 'socket close (true)']);

const rawActs: Record<string, (tcp: Socket) => void> = {
  resets: (tcp) => void tcp.resetAndDestroy(),
  ends: (tcp) => void tcp.end(),
  'sends garbage': (tcp) => void tcp.write('fifteen bytes!!'),
  stalls: () => undefined,
};

async function observeFailure(
  make: (of: Implementation) => Server,
  of: Implementation,
  { sent, answered }: (typeof states)[keyof typeof states],
  act: string,
): Promise<Observation> {
  const log = new Recorder();
  const server = make(of);
  server.on('tlsClientError', (error, socket: Socket) => {
    log.note(`tlsClientError: ${said(error)}`);
    log.watch(socket, 'socket', false);
    if (act === 'stalls') socket.destroy(); // node:tls leaves it open
  });
  const port = await listen(server);
  const accepted = of === nodeTls && sent > 0 ? once(server, 'connection') : undefined;
  const tcp = connectTcp({ port, host: '127.0.0.1', allowHalfOpen: true });
  tcp.on('error', () => undefined);
  await once(tcp, 'connect');
  if (sent > 0) {
    const [end, ours] = memoryConnection();
    const client = connect({ socket: end, rejectUnauthorized: false });
    client.on('error', () => undefined);
    const [hello] = (await once(ours, 'data')) as [Buffer];
    tcp.write(hello.subarray(0, sent));
    client.destroy();
  }
  if (answered) await once(tcp, 'data');
  else if (accepted) {
    // Node 20 takes a reset for an end that it finds together with bytes.
    const [atServer] = (await accepted) as [Socket];
    await when(
      'the server to read',
      () => atServer.bytesRead,
      (read) => read === sent,
    );
  }
  tcp.resume();
  rawActs[act]?.(tcp);
  await log.until(() => log.events.length > 0);
  // Where the failure is told by the socket's 'close' there is no other, so that there is none to wait for.
  await close(server);
  tcp.destroy();
  for (let turns = 0; turns < 3; turns++) await new Promise(setImmediate);
  return { events: log.events };
}

describe('What is emitted of a handshake that fails, in order, the same as with node:tls', () => {
  for (const [state, reached] of Object.entries(states)) {
    for (const act of Object.keys(rawActs)) {
      // Within a hello any bytes are a part of it.
      if (state.includes('middle') && act === 'sends garbage') continue;
      const stalls = act === 'stalls';
      const timeout = stalls ? { handshakeTimeout: 30 } : {};
      scenario(
        `a tls server; the peer ${act} ${state}`,
        (of) => observeFailure((one) => one.createServer(timeout, () => undefined), of, reached, act),
        stalls ? forTls : {},
      );
      scenario(
        `an https server; the peer ${act} ${state}`,
        (of) => observeFailure((one) => one.createHttpsServer(timeout, () => undefined), of, reached, act),
        stalls ? forHttp : {},
      );
      scenario(
        `an http2 server; the peer ${act} ${state}`,
        (of) => observeFailure((one) => one.createHttp2Server(timeout), of, reached, act),
        stalls ? forHttp : {},
      );
    }
  }
});
