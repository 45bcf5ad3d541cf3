import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { request as plainRequest, type IncomingMessage } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { request, type RequestOptions as HttpsOptions } from 'node:https';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { connect as connectTls, TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  ChannelCredentials,
  Client,
  Server as GrpcServer,
  ServerCredentials,
  type sendUnaryData,
  type ServerUnaryCall,
} from '@grpc/grpc-js';
import { createTRPCClient, httpLink } from '@trpc/client';
import { expect } from 'chai';
import { io } from 'socket.io-client';
import { createGrpcServer } from '../../lib/grpc/create-grpc-server.ts';
import { TlsSocket } from '../../lib/index.ts';
import { AsynchronousSigner } from '../fixtures/asynchronous-signer.ts';
import { identity as identityOf } from '../fixtures/identity.ts';
import { close, listen, next, readAll } from '../fixtures/peers.ts';
import { Pages, programs } from './pages.ts';
import { when } from '../fixtures/when.ts';
import { needs } from '../fixtures/needs.ts';

/** `https.request` hands on what `tls.connect` takes. */
type RequestOptions = HttpsOptions & { ALPNProtocols?: string[] };

/** The part of ws that is used here: it comes without types. */
interface WebSocketLike extends NodeJS.EventEmitter {
  send(data: string | Buffer): void;
  close(): void;
}
const ws = createRequire(import.meta.url)('ws') as {
  new (url: string, options: object): WebSocketLike;
  createWebSocketStream(socket: WebSocketLike): Duplex;
};

/**
 * The standalone server of Next.js, as far as it concerns its connections: it makes an http server, listens as PORT and HOSTNAME
 * say, and takes the protocol from the socket (next/dist/server/lib/start-server.js, base-server.js).
 */
const standaloneServer = `
process.env.NODE_ENV = 'production';
process.chdir(__dirname);
const { createServer } = require('http');
const port = parseInt(process.env.PORT, 10) || 3000;
const hostname = process.env.HOSTNAME || '0.0.0.0';
async function requestListener(req, res) {
  const forwardedProtocol = req.socket.encrypted ? 'https' : 'http';
  res.end(JSON.stringify({ forwardedProtocol, ip: req.socket.remoteAddress }));
}
const server = createServer(requestListener);
server.on('upgrade', (req, socket) => socket.end());
server.on('error', (error) => { console.error(error); process.exit(1); });
server.listen(port, hostname);
`;

interface Answer {
  status: number | undefined;
  headers: IncomingMessage['headers'];
  text: string;
}

async function answerTo(outgoing: ReturnType<typeof request>): Promise<Answer> {
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  const text = (await readAll(response)).toString();
  return { status: response.statusCode, headers: response.headers, text };
}

describe('the programs of docs/frameworks, as they stand there', () => {
  let pages: Pages;
  before(async function () {
    this.timeout(60_000);
    pages = await Pages.open();
  });
  after(() => pages.close());

  const get = (port: number, more: RequestOptions = {}): Promise<Answer> =>
    answerTo(request({ host: 'localhost', port, family: 4, ca: pages.cert, agent: false, ...more }));
  const json = async (port: number, more: RequestOptions = {}): Promise<unknown> =>
    JSON.parse((await get(port, more)).text);

  async function getOverHttp2(port: number): Promise<string> {
    const session = connectHttp2(`https://localhost:${port}`, { ca: pages.cert, family: 4 } as object);
    const text = (await readAll(session.request({ ':path': '/' }))).toString();
    session.close();
    await once(session, 'close');
    return text;
  }

  it('have programs of twenty lines at most', async () => {
    const folder = fileURLToPath(new URL('../../docs/frameworks', import.meta.url));
    const found = (await readdir(folder)).map((file) => file.replace(/\.md$/, ''));
    expect(found).to.include.members(['https', 'http2', 'express', 'grpc', 'next']);
    for (const page of found) {
      for (const { code } of await programs(`frameworks/${page}`)) {
        const lines = code.split('\n').filter((line) => line.trim() !== '');
        expect(lines.length, page).to.be.at.most(20);
      }
    }
  });

  it('node:https', async () => {
    const { text } = await get(await pages.run('frameworks/https'));
    expect(text).to.match(/^TLSv1\.3 from (::ffff:)?127\.0\.0\.1\n$/);
  });

  describe('node:http2', () => {
    let port: number;
    before(async () => (port = await pages.run('frameworks/http2')));

    it('answers h2 clients, and HTTP/1.1 ones on the same port', async () => {
      expect(await getOverHttp2(port)).to.equal('HTTP/2.0, h2\n');
      expect((await get(port)).text).to.equal('HTTP/1.1, false\n');
      expect((await get(port, { ALPNProtocols: ['http/1.1'] })).text).to.equal('HTTP/1.1, http/1.1\n');
    });

    describe('curl', () => {
      needs('curl');

      it('gets HTTP/2 with --http2', async () => {
        const { stdout } = await promisify(execFile)('curl', [
          ...['-q', '--silent', '--show-error', '--http2', '--noproxy', '*', '--max-time', '20'],
          ...['--cacert', join(pages.folder, 'cert.pem'), '--write-out', '%{http_version}'],
          `https://localhost:${port}/`,
        ]);
        expect(stdout).to.equal('HTTP/2.0, h2\n2');
      });
    });
  });

  describe('Express', () => {
    it('knows that a request is secure, and whom it is from', async () => {
      const facts = await json(await pages.run('frameworks/express'));
      expect(facts).to.deep.include({ secure: true, protocol: 'https', hostname: 'localhost' });
      expect(facts)
        .to.have.property('ip')
        .that.matches(/127\.0\.0\.1$/);
    });

    it('trusts the headers of a proxy that it is configured to trust', async () => {
      const headers = { 'x-forwarded-proto': 'http', 'x-forwarded-for': '192.0.2.7' };
      const facts = await json(await pages.run('frameworks/express'), { headers });
      expect(facts).to.deep.include({ secure: false, protocol: 'http', ip: '192.0.2.7' });
    });
  });

  describe('Fastify', () => {
    it('over HTTP/1.1', async () => {
      const port = await pages.run('frameworks/fastify', 0);
      expect(await json(port)).to.deep.equal({ protocol: 'https', ip: '127.0.0.1', version: '1.1' });
    });

    it('over HTTP/2, and HTTP/1.1 on the same port', async () => {
      const port = await pages.run('frameworks/fastify', 1);
      const facts = { protocol: 'https', ip: '127.0.0.1' };
      expect(JSON.parse(await getOverHttp2(port))).to.deep.equal({ ...facts, version: '2.0' });
      expect(await json(port)).to.deep.equal({ ...facts, version: '1.1' });
    });
  });

  it('Koa', async () => {
    const facts = await json(await pages.run('frameworks/koa'));
    expect(facts).to.deep.include({ secure: true, protocol: 'https' });
    expect(facts)
      .to.have.property('ip')
      .that.matches(/127\.0\.0\.1$/);
  });

  it('NestJS', async () => {
    const facts = await json(await pages.run('frameworks/nestjs'));
    expect(facts).to.deep.include({ secure: true, protocol: 'https' });
    expect(facts)
      .to.have.property('ip')
      .that.matches(/127\.0\.0\.1$/);
  });

  it('hapi', async () => {
    expect(await json(await pages.run('frameworks/hapi'))).to.deep.equal({
      protocol: 'https',
      ip: '127.0.0.1',
    });
  });

  it('ws', async () => {
    const port = await pages.run('frameworks/ws');
    const socket = new ws(`wss://localhost:${port}`, { ca: pages.cert, family: 4 });
    const [hello] = (await once(socket, 'message')) as [Buffer];
    expect(hello.toString()).to.match(/^hello (::ffff:)?127\.0\.0\.1, encrypted: true$/);
    const sent = Buffer.alloc(1_000_000, 'abc');
    socket.send(sent);
    const [echoed] = (await once(socket, 'message')) as [Buffer];
    expect(echoed.equals(sent)).to.equal(true);
    socket.close();
    await once(socket, 'close');
  });

  for (const transports of [['polling', 'websocket'], ['websocket']]) {
    it(`Socket.IO, by ${transports.join(', then ')}`, async () => {
      const port = await pages.run('frameworks/socket.io');
      const socket = io(`https://localhost:${port}`, {
        transports,
        ca: pages.cert,
        reconnection: false,
      } as object);
      try {
        const hello = await new Promise<{ secure: boolean; address: string }>((resolve, reject) => {
          socket.once('hello', resolve).once('connect_error', reject);
        });
        expect(hello.secure).to.equal(true);
        expect(hello.address).to.match(/127\.0\.0\.1$|^::1$/);
        expect(await socket.emitWithAck('echo', 'bounced')).to.equal('bounced');
      } finally {
        socket.close();
      }
    });
  }

  it('tRPC', async () => {
    const port = await pages.run('frameworks/trpc');
    const fetch = async (url: string): Promise<Response> => {
      const { text, status } = await get(port, { path: url.slice(url.indexOf('/', 8)) });
      return new Response(text, { status: status ?? 0, headers: { 'content-type': 'application/json' } });
    };
    const client = createTRPCClient({
      links: [httpLink({ url: `https://localhost:${port}`, fetch })],
    });
    const { hello } = client as unknown as { hello: { query(): Promise<string> } };
    expect(await hello.query()).to.match(/^hello (::ffff:)?127\.0\.0\.1, over TLSv1\.3$/);
  });

  describe('@grpc/grpc-js', () => {
    const identity = (value: Buffer): Buffer => value;
    /** A call to the page's method; resolves to its answer. */
    async function sayHello(port: number, text: string, credentials: ChannelCredentials): Promise<string> {
      const client = new Client(`localhost:${port}`, credentials);
      try {
        return await new Promise((resolve, reject) => {
          const done = (error: Error | null, answer?: Buffer): void => {
            if (error) reject(error);
            else resolve(answer?.toString() ?? '');
          };
          client.makeUnaryRequest('/demo.Greeter/SayHello', identity, identity, Buffer.from(text), done);
        });
      } finally {
        client.close();
      }
    }

    it('is called, and knows the address of its peer', async () => {
      const port = await pages.run('frameworks/grpc');
      const credentials = ChannelCredentials.createSsl(Buffer.from(pages.cert));
      expect(await sayHello(port, 'grpc', credentials)).to.match(
        /^hello grpc at (::ffff:)?(127\.0\.0\.1|::1):\d+$/,
      );
    });

    it('knows the certificate of a client', async () => {
      const { key, cert } = identityOf('P-256');
      const server = new GrpcServer();
      server.addService(
        {
          whoAmI: {
            ...{ path: '/demo.Greeter/SayHello', requestStream: false, responseStream: false },
            ...{ requestSerialize: identity, requestDeserialize: identity },
            ...{ responseSerialize: identity, responseDeserialize: identity },
          },
        },
        {
          whoAmI: (call: ServerUnaryCall<Buffer, Buffer>, done: sendUnaryData<Buffer>) => {
            const { transportSecurityType, sslPeerCertificate } = call.getAuthContext();
            done(
              null,
              Buffer.from(`${String(transportSecurityType)} ${String(sslPeerCertificate?.subject.CN)}`),
            );
          },
        },
      );
      const injector = server.createConnectionInjector(ServerCredentials.createInsecure());
      const signer = new AsynchronousSigner(key);
      const listener = createGrpcServer(injector, { cert, signer, requestCert: true, ca: cert });
      const injected = next<TlsSocket>(listener, 'secureConnection');
      const port = await listen(listener);
      const credentials = ChannelCredentials.createSsl(
        Buffer.from(cert),
        Buffer.from(key),
        Buffer.from(cert),
      );
      expect(await sayHello(port, '', credentials)).to.equal('ssl localhost');
      const socket = await injected;
      expect(socket).to.be.instanceOf(TlsSocket).and.instanceOf(TLSSocket);
      expect(Object.getPrototypeOf(socket)).to.equal(TlsSocket.prototype);
      server.forceShutdown();
      await close(listener);
    });
  });

  it('a server one cannot reach in code, in the shape of the standalone server of Next.js', async () => {
    const port = await pages.runCommand('frameworks/next', standaloneServer);
    expect(await json(port)).to.deep.equal({ forwardedProtocol: 'https', ip: '127.0.0.1' });
  });

  it('an accepted socket: HTTP and HTTPS on one port', async () => {
    const port = await pages.run('frameworks/accepted-socket');
    expect((await get(port)).text).to.match(/^secure, from (::ffff:)?127\.0\.0\.1\n$/);
    const plain = await answerTo(plainRequest({ host: '127.0.0.1', port, path: '/x', agent: false }));
    expect(plain.status).to.equal(308);
    expect(plain.headers.location).to.equal(`https://127.0.0.1:${port}/x`);
  });

  /** A request over a stream that is there already. */
  async function getOver(stream: Duplex): Promise<string> {
    const socket = connectTls({ socket: stream, servername: 'localhost', ca: pages.cert });
    for (const one of [stream, socket]) one.on('error', () => undefined);
    // The client ends it: were the server first, the client's close_notify might find a WebSocket closed, and Node throw.
    const headers = { connection: 'keep-alive' };
    const outgoing = request({ host: 'localhost', headers, createConnection: () => socket });
    const { text } = await answerTo(outgoing);
    socket.destroy();
    return text;
  }

  it('a CONNECT tunnel', async () => {
    const port = await pages.run('frameworks/connect-tunnel');
    const outgoing = plainRequest({ host: '127.0.0.1', port, method: 'CONNECT', path: 'localhost:443' });
    outgoing.end();
    const [, tunnel] = (await once(outgoing, 'connect')) as [IncomingMessage, Socket];
    expect(await getOver(tunnel)).to.equal('through the tunnel\n');
  });

  it('a Duplex', async () => {
    const port = await pages.run('frameworks/duplex');
    const socket = new ws(`ws://127.0.0.1:${port}`, {});
    await once(socket, 'open');
    const stream = ws.createWebSocketStream(socket);
    expect(await getOver(stream)).to.equal('inside a WebSocket\n');
  });

  for (const [policy, how] of [
    ['rr', 'connections dealt out by the primary'],
    ['none', 'a listening socket shared by the workers'],
  ] as const) {
    it(`cluster: ${how}`, async () => {
      const port = await pages.run('frameworks/cluster', 0, { NODE_CLUSTER_SCHED_POLICY: policy });
      const workers = new Set<string>();
      // Dealt out in turn, so both answer as soon as both listen. The kernel promises nothing of the kind.
      const answer = async (): Promise<Set<string>> => {
        const { text } = await get(port);
        expect(text).to.match(/^\d+$/);
        return workers.add(text);
      };
      await when('answers of both', answer, ({ size }) => policy === 'none' || size === 2);
    });
  }

  it('worker threads', async () => {
    const port = await pages.run('frameworks/worker-threads');
    expect((await get(port)).text).to.equal('thread 1\n');
  });

  it('the start script of the production checklist, until SIGTERM ends it', async () => {
    const port = await pages.run('production');
    expect((await get(port, { servername: 'www.example.com' })).text).to.equal('hello\n');
    expect(await pages.stop('SIGTERM')).to.equal(0);
  });

  it('the metrics of the page on observability', async () => {
    const port = await pages.run('observability');
    const { headers, text } = await answerTo(plainRequest({ host: '127.0.0.1', port, agent: false }));
    expect(headers['content-type']).to.match(/^text\/plain/);
    expect(text).to.include('s2n_pkey_engine_connections');
  });

  it('every handshake was signed by KMS', async () => {
    const { Sign: sign } = await pages.kms.counters();
    expect(sign?.outcomes['ok'] ?? 0).to.be.at.least(20);
  });
});
