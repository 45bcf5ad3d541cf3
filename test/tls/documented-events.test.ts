/**
 * The events that Node's documentation lists for the servers and sockets of TLS, up to Node 26. Traffic that makes node:tls emit each
 * of a server's events makes this package emit it, or a listener for it is refused by name: no listener waits in vain.
 */
import type { EventEmitter } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { connect as connectTcp, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { createServer as createNodeTlsServer, type ConnectionOptions } from 'node:tls';
import { expect } from 'chai';
import { attach, createServer, LocalKeySigner } from '../../lib/index.ts';
import { unsupportedEvents } from '../../lib/tls/server/unsupported-events.ts';
import { nodeClient, s2nClient } from '../differential/client-implementations.ts';
import {
  implementations,
  nodeTls,
  trusted,
  type CommonOptions,
  type Implementation,
} from '../differential/servers.ts';
import { identity } from '../fixtures/identity.ts';
import { keptServers } from '../fixtures/kept-servers.ts';
import { close, connectTls, listen } from '../fixtures/peers.ts';
import { when } from '../fixtures/when.ts';

const ofServers = ['close', 'connection', 'drop', 'error', 'listening'];
const ofTlsServers = [
  ...ofServers,
  ...['keylog', 'newSession', 'OCSPRequest', 'resumeSession', 'secureConnection', 'tlsClientError'],
];
const ofHttpsServers = [
  ...ofTlsServers,
  ...['checkContinue', 'checkExpectation', 'clientError', 'connect', 'dropRequest', 'request', 'upgrade'],
];
const ofHttp2Servers = [
  ...ofTlsServers,
  ...['checkContinue', 'request', 'session', 'sessionError', 'stream', 'timeout', 'unknownProtocol'],
];
/** Without `'connectionAttemptTimeout'`, for which a network would have to swallow packets. */
const ofClients = [
  ...['close', 'connect', 'connectionAttempt', 'connectionAttemptFailed', 'data', 'drain', 'end', 'error'],
  ...['keylog', 'lookup', 'OCSPResponse', 'ready', 'secureConnect', 'session', 'timeout'],
];

type Answer = (error: null, response: null) => void;
type Reply = (error?: null, session?: null) => void;

/** What a listener must do for the traffic to go on; the others need only be there. */
const acts: Record<string, (...args: never[]) => void> = {
  OCSPRequest: (_certificate: Buffer, _issuer: Buffer, answer: Answer) => answer(null, null),
  newSession: (_id: Buffer, _session: Buffer, done: Reply) => done(),
  resumeSession: (_id: Buffer, done: Reply) => done(null, null),
  request: (_req: IncomingMessage, res: ServerResponse) => res.end(),
  checkContinue: (_req: IncomingMessage, res: ServerResponse) => res.end(),
  checkExpectation: (_req: IncomingMessage, res: ServerResponse) => res.end(),
  clientError: (_error: Error, socket: Duplex) => socket.destroy(),
  connect: (_req: IncomingMessage, socket: Duplex) => socket.destroy(),
  upgrade: (_req: IncomingMessage, socket: Duplex) => socket.destroy(),
  unknownProtocol: (socket: Duplex) => socket.destroy(),
};

interface Seen {
  /** Events that came. */
  readonly came: Set<string>;
  /** Events whose listener was refused. */
  readonly refused: string[];
  /** Waits until an event has come. */
  readonly untilCame: (event: string) => Promise<unknown>;
}

/** Listens for each of the events that is not refused. */
function watch(emitter: EventEmitter, events: readonly string[], does: typeof acts = acts): Seen {
  const came = new Set<string>();
  const refused: string[] = [];
  for (const event of events) {
    try {
      emitter.on(event, (...args: unknown[]) => {
        came.add(event);
        does[event]?.(...(args as never[]));
      });
    } catch (error) {
      expect(error).to.have.property('code', 'ERR_S2N_PKEY_UNSUPPORTED');
      expect(error).to.have.property('message').that.contains(`'${event}' is not supported: `);
      refused.push(event);
    }
  }
  const untilCame = (event: string): Promise<unknown> =>
    when(
      `'${event}'`,
      () => [...came],
      (names) => names.includes(event),
    );
  return { came, refused, untilCame };
}

/** Listening fails at a port that is taken, and then succeeds; connections of every kind; one too many; and the end. */
async function playServer(
  server: Server,
  seen: Seen,
  traffic: (port: number) => Promise<void>,
): Promise<void> {
  const taken = createNodeTlsServer();
  server.listen(await listen(taken), '127.0.0.1');
  await seen.untilCame('error');
  taken.close();
  const port = await listen(server);
  connectTcp(port, '127.0.0.1')
    .on('error', () => undefined)
    .end('this is no TLS');
  await seen.untilCame('tlsClientError');
  const visitor = { maxVersion: 'TLSv1.2', ALPNProtocols: ['h2', 'http/1.1'] } satisfies ConnectionOptions;
  const last = await connectTls(port, { ...visitor, requestOCSP: true } as ConnectionOptions);
  last.on('error', () => undefined);
  // Node asks its listeners for the session of an earlier connection.
  const session = last.getSession();
  const again = await connectTls(port, { ...visitor, session });
  again.on('error', () => undefined).destroy();
  await traffic(port);
  server.maxConnections = 1;
  const tooMany = connectTcp(port, '127.0.0.1').on('error', () => undefined);
  await seen.untilCame('drop');
  tooMany.destroy();
  last.destroy();
  server.close();
  await seen.untilCame('close');
}

async function says(port: number, text: string, event: string, seen: Seen): Promise<void> {
  const client = await connectTls(port);
  client
    .on('error', () => undefined)
    .resume()
    .write(text);
  await seen.untilCame(event);
  client.destroy();
}

const host = 'Host: localhost\r\n';
const http1: Record<string, string> = {
  request: `GET / HTTP/1.1\r\n${host}\r\n`,
  checkContinue: `POST / HTTP/1.1\r\n${host}Expect: 100-continue\r\nContent-Length: 1\r\n\r\n`,
  checkExpectation: `GET / HTTP/1.1\r\n${host}Expect: something\r\n\r\n`,
  clientError: 'no HTTP\r\n\r\n',
  connect: 'CONNECT localhost:1 HTTP/1.1\r\nHost: localhost:1\r\n\r\n',
  upgrade: `GET / HTTP/1.1\r\n${host}Connection: upgrade\r\nUpgrade: test\r\n\r\n`,
  dropRequest: `GET / HTTP/1.1\r\n${host}\r\nGET / HTTP/1.1\r\n${host}\r\n`,
};

function expectWhole(seen: Seen, documented: readonly string[], of: Implementation): void {
  const refused = of === nodeTls ? [] : Object.keys(unsupportedEvents);
  expect(seen.refused).to.have.members(refused);
  expect([...seen.came, ...seen.refused]).to.include.members([...documented]);
}

describe('each event that Node documents comes, or its listener is refused by name', () => {
  // Before the servers are closed, which waits for their connections.
  const open: Duplex[] = [];
  afterEach(() => {
    for (const socket of open.splice(0)) socket.destroy();
  });
  const kept = keptServers();

  for (const of of implementations) {
    // With tickets, Node's own servers do not ask for sessions.
    const options = (of === nodeTls ? { secureOptions: 1 << 14 } : {}) as CommonOptions;

    it(`of a tls server (${of.name})`, async () => {
      const server = kept(of.createServer(options, () => undefined));
      const seen = watch(server, ofTlsServers);
      await playServer(server, seen, async () => undefined);
      expectWhole(seen, ofTlsServers, of);
    });

    it(`of an https server (${of.name})`, async () => {
      const server = kept(of.createHttpsServer(options, () => undefined));
      server.maxRequestsPerSocket = 1;
      const seen = watch(server, ofHttpsServers);
      await playServer(server, seen, async (port) => {
        for (const [event, text] of Object.entries(http1)) await says(port, text, event, seen);
      });
      expectWhole(seen, ofHttpsServers, of);
    });

    it(`of a secure http2 server (${of.name})`, async () => {
      const server = kept(of.createHttp2Server(options));
      const seen = watch(server, ofHttp2Servers);
      await playServer(server, seen, async (port) => {
        // Each may be closed before the client's handshake is done.
        const visitor = { port, host: 'localhost', ca: trusted };
        const other = nodeClient.connect(visitor);
        other.on('error', () => undefined);
        await seen.untilCame('unknownProtocol');
        other.destroy();
        const session = connectHttp2(`https://localhost:${port}`, { ca: trusted });
        session.on('error', () => undefined);
        session
          .request({ ':path': '/', expect: '100-continue' })
          .on('error', () => undefined)
          .end();
        session
          .request({ ':path': '/' })
          .on('error', () => undefined)
          .end();
        await seen.untilCame('request');
        await seen.untilCame('checkContinue');
        session.destroy();
        const broken = await connectTls(port, { ALPNProtocols: ['h2'] });
        broken
          .on('error', () => undefined)
          .resume()
          .write(`PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${'\xff'.repeat(99)}`, 'latin1');
        await seen.untilCame('sessionError');
        broken.destroy();
        server.setTimeout(1);
        const idle = nodeClient.connect({ ...visitor, ALPNProtocols: ['h2'] });
        idle.on('error', () => undefined);
        await seen.untilCame('timeout');
        idle.destroy();
      });
      expectWhole(seen, ofHttp2Servers, of);
    });
  }

  it("of a client's socket", async () => {
    const accepted: Socket[] = [];
    const server = kept(
      nodeTls.createServer({}, (socket) => {
        open.push(socket);
        accepted.push(socket);
      }),
    );
    const port = await listen(server);
    const socket = s2nClient.connect({
      ...{ port, host: 'localhost', ca: trusted, requestOCSP: true, timeout: 1, autoSelectFamily: true },
      // Nobody is at the first address.
      lookup: (_name, _options, done) => {
        done(
          null,
          ['127.0.0.2', '127.0.0.1'].map((address) => ({ address, family: 4 })),
        );
      },
    });
    open.push(socket);
    const seen = watch(socket, ofClients, {});
    await seen.untilCame('secureConnect');
    await seen.untilCame('session');
    const [peer] = await when(
      'the accepted socket',
      () => accepted,
      ({ length }) => length > 0,
    );
    peer?.on('error', () => undefined).pause();
    peer?.write('hello');
    await seen.untilCame('data');
    expect(socket.write(Buffer.alloc(2 ** 24))).to.equal(false);
    await seen.untilCame('timeout');
    peer?.resume();
    await seen.untilCame('drain');
    peer?.end();
    await seen.untilCame('close');
    await close(server);
    const absent = { port, host: 'localhost', family: 4, autoSelectFamily: false, ca: trusted };
    const lost = watch(s2nClient.connect(absent), ['error', 'lookup']);
    await lost.untilCame('error');
    expect([...seen.came, ...lost.came]).to.include.members(ofClients);
    expect(seen.refused).to.deep.equal([]);
  });

  it('refuses those that a server attached to has listeners for already', () => {
    const signer = new LocalKeySigner({ key: identity('P-256').key });
    for (const event of Object.keys(unsupportedEvents)) {
      const server = createNodeTlsServer().on(event, () => undefined);
      expect(() => attach(server, { cert: trusted, signer }))
        .to.throw(`'${event}' is not supported: `)
        .with.property('code', 'ERR_S2N_PKEY_UNSUPPORTED');
      expect(server.listenerCount('newListener')).to.equal(0);
      const own = createServer({ cert: trusted, signer });
      expect(() => own.prependOnceListener(event, () => undefined)).to.throw(`'${event}' is not supported: `);
      expect(own.listenerCount(event)).to.equal(0);
    }
  });
});
