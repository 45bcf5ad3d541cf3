/** The whole order of what clients emit where nobody listens, whatever their servers do. */
import { once } from 'node:events';
import { connect as connectHttp2, createSecureServer } from 'node:http2';
import { createServer as createHttpsServer, request as httpsRequest } from 'node:https';
import { connect as connectTcp, createServer as createTcpServer, type Socket } from 'node:net';
import { createSecureContext, createServer, TLSSocket, type Server } from 'node:tls';
import { memoryConnection } from '../../lib/doctor/memory-connection.ts';
import { identity } from '../fixtures/identity.ts';
import { close, listen } from '../fixtures/peers.ts';
import {
  clientScenario,
  nodeClient,
  type ClientImplementation,
  type CommonConnectOptions,
} from './client-implementations.ts';
import { Recorder } from './recorder.ts';
import type { Observation } from './scenario.ts';

const own = identity('P-256');
const secureContext = createSecureContext({ ...own });

type Version = 'TLSv1.2' | 'TLSv1.3';

/** A server's end of a connection; `tls` once it is secure. */
interface Peer {
  readonly tcp: Socket;
  readonly tls?: TLSSocket;
}

const acts: Record<string, (peer: Peer) => void> = {
  'ends in order': ({ tcp, tls }) => void (tls ?? tcp).end(),
  'sends FIN without close_notify': ({ tcp }) => void tcp.end(),
  resets: ({ tcp }) => void tcp.resetAndDestroy(),
  'sends garbage': ({ tcp, tls }) => {
    // It goes when it is told.
    for (const end of [tcp, ...(tls ? [tls] : [])]) {
      for (const event of ['error', 'end', 'close']) end.once(event, () => tcp.destroy());
    }
    tcp.write('fifteen bytes!!');
  },
  'sends garbage and resets': ({ tcp }) => void tcp.write('fifteen bytes!!', () => tcp.resetAndDestroy()),
  stalls: () => undefined,
};

interface Kind {
  /** Starts one over `connect`'s socket. */
  readonly start: (log: Recorder, socket: Socket) => Promise<void>;
  /** Is given the server's end of the connection. */
  readonly server: Server;
  readonly options?: CommonConnectOptions;
  readonly overSocket?: boolean;
  /** It is only meant once it is secure. */
  readonly later?: boolean;
}

function heard(log: Recorder, event: string): Promise<void> {
  return log.until(() => log.events.includes(event));
}

/** A tls client that reads; what it has heard of the server comes after the server's sessions. */
function read(log: Recorder, socket: Socket): Promise<void> {
  socket.resume();
  return heard(log, 'socket data');
}

const greeting = createServer({ ...own, allowHalfOpen: true }, (socket) => {
  socket.on('error', () => undefined);
  setImmediate(() => socket.resume().write('a part')); // after the sessions
});

const https = createHttpsServer(own, (request, response) => {
  request.resume();
  if (request.method === 'GET') response.end('all');
  else response.write('a part');
});
const http2 = createSecureServer(own).on('stream', (stream) => {
  stream.on('error', () => undefined).respond();
  stream.write('a part');
});
http2.on('sessionError', () => undefined);

function startHttp(log: Recorder, socket: Socket, method: 'GET' | 'POST'): Promise<void> {
  const request = httpsRequest({ createConnection: () => socket, host: 'localhost', method });
  log.watch(request, 'request');
  request.on('response', (response) => {
    log.watch(response, 'response');
    response.resume();
  });
  if (method === 'GET') request.end();
  else request.write('the first part');
  return heard(log, 'response data');
}

const kinds: Record<string, Kind> = {
  'a tls client': { start: read, server: greeting },
  'a tls client that has ended': {
    start: async (log, socket) => {
      socket.once('data', () => socket.end());
      await heard(log, 'socket finish');
    },
    server: greeting,
    later: true,
  },
  'a half-open tls client': { start: read, server: greeting, options: { allowHalfOpen: true } },
  'a tls client over a socket': { start: read, server: greeting, overSocket: true },
  'an https client in the middle of both bodies': {
    start: (log, socket) => startHttp(log, socket, 'POST'),
    server: https,
  },
  'an http2 client, idle': {
    start: (log, socket) => {
      const session = connectHttp2('https://localhost', { createConnection: () => socket });
      log.watch(session, 'session');
      return heard(log, 'session localSettings');
    },
    server: http2,
    options: { ALPNProtocols: ['h2'] },
  },
  'an http2 client in the middle of both bodies': {
    start: (log, socket) => {
      const session = connectHttp2('https://localhost', { createConnection: () => socket });
      log.watch(session, 'session');
      const stream = session.request({ ':method': 'POST' });
      log.watch(stream, 'stream');
      stream.resume().write('the first part');
      return heard(log, 'stream data');
    },
    server: http2,
    options: { ALPNProtocols: ['h2'] },
  },
};

type State = 'as soon as it has accepted' | 'after the hello' | 'in the middle of its flight' | 'later';

const states: readonly State[] = [
  'as soon as it has accepted',
  'after the hello',
  'in the middle of its flight',
  'later',
];

/** The first bytes of what a server answers to the hello. */
async function beginningOfFlight(hello: Buffer): Promise<Buffer> {
  const [far, near] = memoryConnection();
  const server = new TLSSocket(far, { isServer: true, secureContext });
  server.on('error', () => undefined);
  near.write(hello);
  const [flight] = (await once(near, 'data')) as [Buffer];
  server.destroy();
  return flight.subarray(0, 60);
}

async function observe(
  implementation: ClientImplementation,
  { start, server: above, options = {}, overSocket }: Kind,
  state: State,
  act: string,
  maxVersion: Version,
): Promise<Observation> {
  const log = new Recorder();
  const perform = (peer: Peer): void => {
    log.note(`the server ${act}`);
    acts[act]?.(peer);
  };
  let later: (() => void) | undefined;
  const peers: Socket[] = [];
  const server = createTcpServer({ allowHalfOpen: true }, (tcp) => {
    peers.push(tcp.on('error', () => undefined));
    if (state === 'as soon as it has accepted') perform({ tcp });
    else if (state === 'after the hello') tcp.once('data', () => perform({ tcp }));
    else if (state === 'in the middle of its flight') {
      tcp.once('data', (hello: Buffer) => {
        void beginningOfFlight(hello).then((flight) => tcp.write(flight, () => perform({ tcp })));
      });
    } else {
      above.once('secureConnection', (tls: TLSSocket) => {
        tls.on('error', () => undefined);
        later = () => perform({ tcp, tls });
      });
      above.emit('connection', tcp);
    }
    if (state !== 'later') tcp.resume();
  });
  const port = await listen(server);
  const common = { servername: 'localhost', ca: own.cert, maxVersion };
  const to = overSocket ? { socket: connectTcp(port, '127.0.0.1') } : { port, host: '127.0.0.1' };
  const socket = implementation.connect({ ...to, ...common, ...options });
  log.watch(socket, 'socket');
  socket.on('session', () => undefined); // node:tls has none where nobody listens
  const reached = start(log, socket);
  if (state === 'later') {
    await reached;
    later?.();
  } else {
    reached.catch(() => undefined);
  }
  if (act === 'stalls') {
    await heard(log, 'the server stalls');
    socket.setTimeout(30);
    await heard(log, 'socket timeout');
    socket.destroy();
  }
  if (socket.allowHalfOpen && /^ends|FIN/.test(act) && state === 'later') {
    await heard(log, 'socket end');
    socket.end('an answer');
  }
  try {
    await log.until();
  } finally {
    socket.destroy();
    for (const peer of peers) peer.destroy();
    await close(server);
  }
  // When sessions come is the server's matter, and an http2 server of node:tls says much before them.
  const ofHttp2 = options.ALPNProtocols !== undefined;
  return { events: log.events.filter((event) => !ofHttp2 || event !== 'socket session') };
}

/** As of a server: a record that cannot be read ends this package's socket as a reset does, with another error. */
async function observeBroken(
  implementation: ClientImplementation,
  kind: Kind,
  act: string,
  version: Version,
): Promise<Observation> {
  const played = implementation === nodeClient ? 'resets' : act;
  const { events } = await observe(implementation, kind, 'later', played, version);
  const told = (events as string[]).filter((event) => !event.startsWith('the server'));
  return { events: told.map((event) => event.replace('the peer is gone', 'no TLS')) };
}

for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
  describe(`What a client emits without a listener, in order, the same as with tls.connect (${version})`, () => {
    for (const [name, kind] of Object.entries(kinds)) {
      for (const state of states) {
        if (state !== 'later' && (version === 'TLSv1.2' || kind.later)) continue;
        if (kind.options?.ALPNProtocols && version === 'TLSv1.2') continue; // above TLS, all is the same
        // A carrier that breaks before it carries is another matter (carriers.test.ts).
        if (kind.overSocket && state.startsWith('as soon')) continue;
        for (const act of Object.keys(acts)) {
          // Within a record any bytes are a part of it. A reset there is an end to some releases of Node, an error to others.
          if (state.includes('middle') && /garbage|resets/.test(act)) continue;
          clientScenario(`${name}; the server ${act} ${state}`, (implementation) =>
            act.includes('garbage') && state === 'later'
              ? observeBroken(implementation, kind, act, version)
              : observe(implementation, kind, state, act, version),
          );
        }
      }
    }
  });
}
