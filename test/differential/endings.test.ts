/**
 * Whether the peer of a server can tell that it has all there was: close_notify, or an end without it (RFC 8446 §6.1). A cut
 * body must not look whole.
 */
import type { RequestListener } from 'node:http';
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Server } from 'node:net';
import { attach } from '../../lib/index.ts';
import { AsynchronousSigner } from '../fixtures/asynchronous-signer.ts';
import { identity } from '../fixtures/identity.ts';
import { close, listen } from '../fixtures/peers.ts';
import {
  GoClient,
  JavaClient,
  PythonClient,
  describeForEach,
  type Protocol,
  type TlsClient,
} from './clients.ts';
import { scenario, type Observation } from './scenario.ts';
import { nodeTls, trusted, type Implementation, type SecureSocket } from './servers.ts';

const onPurpose = new Error('on purpose');
/** More than a TCP connection or a socketpair takes at once. */
const much = 'much '.repeat(600_000);

/** What is played to every client; the rest only to one, which starts faster. */
const seenByAll = new Set([
  'end() of much, which takes a while',
  'destroy(error) once a part is written',
  'response.destroy() in the body',
]);

async function seenBy(
  client: TlsClient,
  server: Server,
  protocol: Protocol,
  send: string,
  alpn: string[] = [],
): Promise<Observation> {
  const port = await listen(server);
  const { received, ending, failure } = await client.exchange({
    ...{ port, name: 'localhost', cert: trusted, protocol, alpn, send },
  });
  await close(server);
  return { received: received.replace(/^Date: .*$/m, 'Date'), ending, failure };
}

/** What a server does with a socket, which has received the client's line. */
const sockets: Record<string, (socket: SecureSocket) => void> = {
  'end()': (socket) => socket.end('all of it'),
  'end() of much, which takes a while': (socket) => socket.end(much),
  'end() without data': (socket) => socket.end(),
  'destroy()': (socket) => socket.destroy(),
  'destroy(error)': (socket) => socket.destroy(onPurpose),
  'destroy() once a part is written': (socket) => socket.write('a part', () => socket.destroy()),
  'destroy(error) once a part is written': (socket) =>
    socket.write('a part', () => socket.destroy(onPurpose)),
  'destroy() right after write()': (socket) => {
    socket.write('a part');
    socket.destroy();
  },
  'destroy() right after write() of half a megabyte, which TCP takes and a socketpair does not': (socket) => {
    socket.write('much '.repeat(100_000));
    socket.destroy();
  },
  'destroy() once much is written': (socket) => socket.write(much, () => socket.destroy()),
  'destroy() right after end()': (socket) => {
    socket.end();
    socket.destroy();
  },
  'destroy(error) right after end()': (socket) => {
    socket.end();
    socket.destroy(onPurpose);
  },
  'destroy() right after end() with data': (socket) => {
    socket.end('a part');
    socket.destroy();
  },
  "destroy() at 'finish'": (socket) => socket.end('all of it', () => socket.destroy()),
  'destroySoon()': (socket) => {
    socket.write('all of it');
    (socket as SecureSocket & { destroySoon(): void }).destroySoon();
  },
  "setTimeout, and destroy() at 'timeout'": (socket) => {
    socket.write('a part');
    socket.setTimeout(20, () => socket.destroy());
  },
};

/** What an https server answers; the client ends nothing by itself. */
const answers: Record<string, RequestListener> = {
  'a whole answer, Connection: close': (_request, response) => {
    response.setHeader('Connection', 'close');
    response.end('all of it');
  },
  'response.destroy() in the body': (_request, response) => {
    response.setHeader('Connection', 'close');
    response.write('a part', () => response.destroy());
  },
  'response.destroy(error) in the body': (_request, response) => {
    response.on('error', () => undefined);
    response.write('a part', () => response.destroy(onPurpose));
  },
  'request.destroy() in the body': (request, response) => {
    response.write('a part', () => request.destroy());
  },
  'socket.destroySoon() in the body': (request, response) => {
    response.write('a part', () => request.socket.destroySoon());
  },
  'server.closeAllConnections() in the body': (request, response) => {
    const { server } = request.socket as unknown as { server: { closeAllConnections(): void } };
    response.write('a part', () => {
      server.closeAllConnections();
    });
  },
  'keepAliveTimeout after the answer': (request, response) => {
    const { server } = request.socket as unknown as { server: { keepAliveTimeout: number } };
    server.keepAliveTimeout = 50;
    response.end('all of it');
  },
  'setTimeout of the response': (_request, response) => {
    response.write('a part');
    response.setTimeout(20);
  },
};

/** Preface, empty SETTINGS, and `GET https://a/` on stream 1 (RFC 9113, with RFC 7541's static table). */
const http2Request = Buffer.concat([
  Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'),
  Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]),
  Buffer.from([0, 0, 6, 1, 5, 0, 0, 0, 1, 0x82, 0x87, 0x84, 0x41, 1, 0x61]),
]).toString('latin1');

/** What an http2 server does with a stream of which a part is sent, and its session. */
const streams: Record<string, (stream: ServerHttp2Stream, session: Http2Session) => void> = {
  'stream.end() and session.close()': (stream, session) => {
    stream.end('the rest');
    session.close();
  },
  'stream.destroy(error) and session.close()': (stream, session) => {
    stream.destroy(onPurpose);
    session.close();
  },
};

function http2Server(implementation: Implementation): Http2SecureServer {
  if (implementation === nodeTls) return createSecureServer(identity('P-256'));
  return attach(createSecureServer(), {
    cert: trusted,
    signer: new AsynchronousSigner(identity('P-256').key),
  });
}

describeForEach(
  [new PythonClient(), new GoClient(), new JavaClient()],
  (name) => `An end in order or a cut, the same as with node:tls, seen by a client of ${name}`,
  (client: TlsClient) => {
    for (const protocol of ['TLSv1.2', 'TLSv1.3'] as const) {
      for (const [name, act] of Object.entries(sockets)) {
        if (!(client instanceof PythonClient) && !seenByAll.has(name)) continue;
        scenario(`${protocol}: ${name}`, (implementation) => {
          const server = implementation.createServer({}, (socket) => {
            socket.on('error', () => undefined);
            socket.once('data', () => {
              act(socket);
            });
          });
          return seenBy(client, server, protocol, 'a question');
        });
      }
    }

    if (client instanceof JavaClient) return; // it prints one line of text
    for (const [name, answer] of Object.entries(answers)) {
      if (!(client instanceof PythonClient) && !seenByAll.has(name)) continue;
      scenario(`https: ${name}`, (implementation) => {
        const server = implementation.createHttpsServer({}, answer);
        return seenBy(client, server, 'TLSv1.3', 'GET / HTTP/1.1\r\nHost: a\r\n\r');
      });
    }

    if (!(client instanceof PythonClient)) return; // the others send text
    for (const [name, act] of Object.entries(streams)) {
      scenario(`http2: ${name}`, async (implementation) => {
        const server = http2Server(implementation);
        server.on('sessionError', () => undefined);
        server.on('stream', (stream) => {
          const { session } = stream;
          stream.on('error', () => undefined);
          stream.respond();
          stream.write('a part', () => {
            if (session) act(stream, session);
          });
        });
        const { ending, failure } = await seenBy(client, server, 'TLSv1.3', http2Request, ['h2']);
        return { ending, failure };
      });
    }
  },
);
