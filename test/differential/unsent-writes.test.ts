import { once } from 'node:events';
import { connect as connectTcp, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { Duplex, finished, pipeline, Readable } from 'node:stream';
import { createServer } from 'node:tls';
import { identity } from '../fixtures/identity.ts';
import { close, listen } from '../fixtures/peers.ts';
import {
  clientScenario,
  type ClientImplementation,
  type ClientSocket,
  type CommonConnectOptions,
} from './client-implementations.ts';
import type { Observation } from './scenario.ts';

const own = identity('P-256');

/** What a callback was told: nothing, or an error's code. */
const outcome = (error?: Error | null): string => (error ? codeOf(error) : 'done');

function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? error.message;
}

interface Ending {
  /** The code of the handshake's error. */
  readonly reason: string;
  readonly serve: () => Server;
  readonly options?: CommonConnectOptions;
  /** What the client itself does once it is connected. */
  readonly act?: (socket: ClientSocket) => void;
}

/** Answers the client's hello. */
function answering(answer: (socket: Socket) => void): () => Server {
  return () =>
    createTcpServer((socket) => {
      socket.on('error', () => undefined);
      socket.once('data', () => answer(socket)).resume();
    });
}

function secureServer(): Server {
  const server = createServer(own, (socket) => socket.on('error', () => undefined).resume());
  return server.on('tlsClientError', () => undefined);
}

/** The ways in which a handshake does not come to its end. */
const endings: Record<string, Ending> = {
  'the server is not trusted': {
    reason: 'DEPTH_ZERO_SELF_SIGNED_CERT',
    serve: secureServer,
    options: { ca: identity('P-384').cert },
  },
  'the certificate is for another name': {
    reason: 'ERR_TLS_CERT_ALTNAME_INVALID',
    serve: secureServer,
    options: { servername: 'elsewhere.test' },
  },
  'the server ends the connection': { reason: 'ECONNRESET', serve: answering((socket) => socket.end()) },
  'the server resets the connection': {
    reason: 'ECONNRESET',
    serve: answering((socket) => socket.resetAndDestroy()),
  },
  'the client destroys the socket with an error': {
    reason: 'of its own',
    serve: answering(() => undefined),
    act: (socket) => socket.destroy(Object.assign(new Error(), { code: 'of its own' })),
  },
};

/** Writes before the handshake is done, and tells what comes of it. */
type Write = (socket: ClientSocket, tell: (what: string, error?: Error | null) => void) => void;

const pipelined: Write = (socket, tell) => {
  pipeline(Readable.from(['a', 'b']), socket, (error) => tell('pipeline', error));
};

const ways: Record<string, Write> = {
  'end(chunk, callback)': (socket, tell) => void socket.end('a', (error?: Error) => tell('end', error)),
  'write and end(callback)': (socket, tell) => {
    socket.write('a');
    socket.end((error?: Error) => tell('end', error));
  },
  'pipeline()': pipelined,
  'finished()': (socket, tell) => {
    finished(socket, { readable: false }, (error) => tell('finished', error));
    socket.end('a');
  },
  'a second write': (socket, tell) => {
    socket.write('a');
    socket.write('b', (error) => tell('second', error));
  },
  'more than all buffers hold': (socket, tell) => {
    socket.end(Buffer.alloc(2_000_000), (error?: Error) => tell('end', error));
  },
};

async function attempt(
  { connect }: ClientImplementation,
  { serve, options, act }: Ending,
  write: Write,
  over?: (port: number) => Socket | Duplex,
): Promise<Observation> {
  const server = serve();
  const port = await listen(server);
  const carrier = over?.(port);
  const socket = connect({
    ...(carrier ? { socket: carrier } : { port, host: '127.0.0.1' }),
    servername: 'localhost',
    ca: own.cert,
    ...options,
  });
  const told: string[] = [];
  const events: string[] = [];
  for (const event of ['secureConnect', 'drain', 'end', 'error', 'close']) {
    socket.on(event, () => events.push(event));
  }
  let failure = 'none';
  socket.on('error', (error) => (failure = codeOf(error)));
  socket.resume();
  write(socket, (what, error) => told.push(`${what}: ${outcome(error)}`));
  const closed = once(socket, 'close').catch(() => once(socket, 'close'));
  if (act) {
    if (!carrier) await once(socket, 'connect');
    act(socket);
  }
  await closed;
  await new Promise(setImmediate); // callbacks may come right after 'close'
  carrier?.destroy();
  await close(server);
  const { writableFinished, writableLength } = socket;
  return { told, events, failure, writableFinished, writableLength, errored: outcome(socket.errored) };
}

/** Later releases fail these writes too, with codes of their own (ECANCELED, EBADF). */
const isNode20 = process.versions.node.startsWith('20.');

describe('What is written before a handshake that fails', () => {
  for (const [ending, how] of Object.entries(endings)) {
    describe(`because ${ending}`, () => {
      for (const [way, write] of Object.entries(ways)) {
        clientScenario(`fails as with tls.connect: ${way}`, (implementation) =>
          attempt(implementation, how, write),
        );
      }

      if (isNode20)
        clientScenario(
          'fails with the first write, too, which tls.connect takes for done',
          (implementation) =>
            attempt(implementation, how, (socket, tell) => {
              socket.cork();
              socket.write('a', (error) => tell('first', error));
              socket.write('b', (error) => tell('second', error));
              process.nextTick(() => socket.uncork());
            }),
          {
            told: {
              nodeTls: ['first: done', 'second: done'],
              s2nPkey: [`first: ${how.reason}`, `second: ${how.reason}`],
              why: 'unsent-write-fails',
            },
          },
        );

      if (how.act) return;
      clientScenario('fails over a socket that was given', (implementation) =>
        attempt(implementation, how, pipelined, (port) => connectTcp(port, '127.0.0.1')),
      );
      clientScenario('fails over a Duplex', async (implementation) => {
        const over = (port: number): Duplex => {
          const tcp = connectTcp(port, '127.0.0.1').on('error', () => undefined);
          return Duplex.from({ readable: tcp, writable: tcp });
        };
        const { told } = await attempt(implementation, how, pipelined, over);
        return { told };
      });
    });
  }

  const destroyed: Ending = {
    reason: 'ERR_SOCKET_CLOSED_BEFORE_CONNECTION',
    serve: answering(() => undefined),
    act: (socket) => socket.destroy(),
  };
  if (isNode20)
    clientScenario(
      'fails when the client destroys the socket without an error, where tls.connect has a pipeline succeed',
      (implementation) => attempt(implementation, destroyed, pipelined),
      {
        told: {
          nodeTls: ['pipeline: done'],
          s2nPkey: [`pipeline: ${destroyed.reason}`],
          why: 'unsent-write-fails',
        },
        errored: { nodeTls: 'done', s2nPkey: destroyed.reason, why: 'unsent-write-fails' },
      },
    );
});

describe('What is written before a handshake that succeeds', () => {
  async function observe({ connect }: ClientImplementation, write: Write): Promise<Observation> {
    let received = 0;
    const server = createServer(own, (socket) => {
      socket.on('data', (part: Buffer) => (received += part.length));
      socket.on('end', () => socket.end());
    });
    const port = await listen(server);
    const socket = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: own.cert });
    const told: unknown[] = [];
    const say = (what: string): void => {
      const { bytesWritten, writableLength, writableNeedDrain } = socket;
      told.push([what, bytesWritten, writableLength, writableNeedDrain]);
    };
    for (const event of ['connect', 'secureConnect', 'finish', 'end', 'close']) {
      socket.on(event, () => say(event));
    }
    socket.resume();
    write(socket, (what, error) => say(`${what}: ${outcome(error)}`));
    say('written');
    await once(socket, 'close');
    await close(server);
    return { told, received };
  }

  clientScenario('counts as written, and waits, until the handshake is done', (implementation) =>
    observe(implementation, (socket, tell) => {
      socket.write('first', (error) => tell('write', error));
      socket.end((error?: Error) => tell('end', error));
    }),
  );

  clientScenario('waits when it is corked', (implementation) =>
    observe(implementation, (socket, tell) => {
      socket.cork();
      for (const part of ['a', 'bc', 'd']) socket.write(part, (error) => tell(part, error));
      process.nextTick(() => socket.uncork());
      socket.once('secureConnect', () => socket.end());
    }),
  );

  clientScenario('waits when it is a pipeline', (implementation) => observe(implementation, pipelined));

  clientScenario('asks for patience with `drain`, which comes after secureConnect', (implementation) =>
    observe(implementation, (socket, tell) => {
      socket.once('drain', () => {
        tell('drain');
        socket.end();
      });
      tell(String(socket.write(Buffer.alloc(100_000)))); // more than any Node's high-water mark
    }),
  );

  clientScenario('ends at once where it is nothing', (implementation) =>
    observe(implementation, (socket, tell) => void socket.end((error?: Error) => tell('end', error))),
  );
});
