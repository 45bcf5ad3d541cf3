import { once } from 'node:events';
import { createServer as createHttpServer } from 'node:http';
import { createSecureServer, connect as connectHttp2 } from 'node:http2';
import { createServer as createHttpsServer, request, Agent, type RequestOptions } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { Server } from 'node:net';
import { createServer as createTlsServer } from 'node:tls';
import { expect } from 'chai';
import { attach, TlsSocket } from '../../lib/index.ts';
import { AsynchronousSigner } from '../fixtures/asynchronous-signer.ts';
import { identity } from '../fixtures/identity.ts';
import { keptServers } from '../fixtures/kept-servers.ts';
import { close, connectTls, listen, readAll } from '../fixtures/peers.ts';

const { key, cert } = identity('P-256');
const options = { cert, signer: new AsynchronousSigner(key) };

async function fetchText(port: number, more: RequestOptions = {}): Promise<{ status: number; text: string }> {
  const outgoing = request({ port, host: 'localhost', family: 4, ca: cert, agent: false, ...more });
  outgoing.end();
  const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
  return { status: response.statusCode ?? 0, text: (await readAll(response)).toString() };
}

describe('attach', () => {
  const kept = keptServers();

  it('serves https requests, with all properties of the connection', async () => {
    const server = kept(
      attach(
        createHttpsServer((req, res) => {
          const { socket } = req;
          if (!(socket instanceof TlsSocket)) throw new Error('not a TlsSocket');
          res.end(
            `${String(socket.encrypted)} ${String(socket.getProtocol())} ${String(socket.remoteAddress)}`,
          );
        }),
        options,
      ),
    );
    const { status, text } = await fetchText(await listen(server));
    expect(status).to.equal(200);
    expect(text).to.equal('true TLSv1.3 127.0.0.1');
  });

  it('returns the server it was given, and takes over one that listens already', async () => {
    const plain = createHttpsServer((_req, res) => res.end('late'));
    kept(plain);
    const port = await listen(plain);
    expect(attach(plain, options)).to.equal(plain);
    expect((await fetchText(port)).text).to.equal('late');
  });

  it('keeps connections, and the server closes when they are idle', async () => {
    const server = kept(
      attach(
        createHttpsServer((_req, res) => res.end('x')),
        options,
      ),
    );
    const port = await listen(server);
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const signed = options.signer.operations.length;
    for (let i = 0; i < 5; i++) expect((await fetchText(port, { agent })).text).to.equal('x');
    expect(options.signer.operations.length - signed).to.equal(1);
    await close(server);
    agent.destroy();
  });

  it('keeps the timeouts of the server: headers that never come end in 408', async () => {
    const server = attach(
      createHttpsServer(
        { headersTimeout: 100, requestTimeout: 100, connectionsCheckingInterval: 20 },
        (_req, res) => res.end(),
      ),
      options,
    );
    kept(server);
    const client = await connectTls(await listen(server));
    client.write('GET / HTTP/1.1\r\nHost:');
    expect((await readAll(client)).toString()).to.match(/^HTTP\/1\.1 408 /);
  });

  it('emits clientError for a handshake that fails, as https does', async () => {
    const server = kept(attach(createHttpsServer(), options));
    const port = await listen(server);
    const told = once(server, 'clientError');
    const client = (await import('node:net')).connect(port, '127.0.0.1');
    client.on('error', () => undefined);
    client.end(Buffer.from([1, 2, 3]));
    const [error] = (await told) as [Error & { code: string }];
    expect(error.code).to.equal('ERR_S2N_PKEY_NOT_TLS');
    client.destroy();
  });

  it('carries large bodies whole, up and down', async () => {
    const server = kept(
      attach(
        createHttpsServer((req, res) => {
          req.pipe(res);
        }),
        options,
      ),
    );
    const port = await listen(server);
    const body = Buffer.alloc(8 * 1024 * 1024, 'abcdefghi');
    const outgoing = request({ port, host: 'localhost', family: 4, ca: cert, method: 'POST' });
    outgoing.end(body);
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    expect((await readAll(response)).equals(body)).to.equal(true);
  });

  it('serves HTTP/2 natively, and HTTP/1.1 on the same port', async () => {
    const server = kept(
      attach(
        createSecureServer({ allowHTTP1: true }, (req, res) => {
          res.end(req.httpVersion);
        }),
        options,
      ),
    );
    const port = await listen(server);
    const session = connectHttp2(`https://localhost:${port}`, { ca: cert, family: 4 } as object);
    const stream = session.request({ ':path': '/' });
    expect((await readAll(stream)).toString()).to.equal('2.0');
    session.close();
    await once(session, 'close');
    expect((await fetchText(port)).text).to.equal('1.1');
  });

  it('secures a tls server', async () => {
    const server = kept(
      attach(
        createTlsServer((socket) => socket.end('tls')),
        options,
      ),
    );
    const client = await connectTls(await listen(server));
    expect((await readAll(client)).toString()).to.equal('tls');
  });

  it('serves a socket given by server.emit("connection")', async () => {
    const server = kept(
      attach(
        createHttpsServer((_req, res) => res.end('given')),
        options,
      ),
    );
    const front = kept(
      (await import('node:net')).createServer((socket) => server.emit('connection', socket)),
    );
    expect((await fetchText(await listen(front))).text).to.equal('given');
  });

  it('refuses what it cannot secure, and says what to do', () => {
    const refusals: [string, () => unknown, RegExp, string][] = [
      ['http', () => attach(createHttpServer(), options), /https\.createServer/, 'ERR_S2N_PKEY_ATTACH'],
      [
        'with a key',
        () => attach(createHttpsServer({ key, cert }), options),
        /without/,
        'ERR_S2N_PKEY_ATTACH',
      ],
      [
        'with contexts that have keys',
        () => {
          const server = createTlsServer();
          server.addContext('example.com', { key, cert });
          return attach(server, options);
        },
        /after attach/,
        'ERR_S2N_PKEY_ATTACH',
      ],
      [
        'made with what s2n-tls has not',
        () => attach(createHttpsServer({ ciphers: 'AES128-SHA' }), options),
        /^ciphers: /,
        'ERR_S2N_PKEY_INVALID_OPTION',
      ],
      [
        'nothing',
        () => attach(undefined as unknown as Server, options),
        /server:/,
        'ERR_S2N_PKEY_INVALID_OPTION',
      ],
      [
        'twice',
        () => attach(attach(createHttpsServer(), options), options),
        /already/,
        'ERR_S2N_PKEY_ATTACH',
      ],
    ];
    for (const [what, attempt, message, code] of refusals) {
      expect(attempt, what).to.throw(message).with.property('code', code);
    }
  });
});
