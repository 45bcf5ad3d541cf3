import { once } from 'node:events';
import { createRequire } from 'node:module';
import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { createSecureServer, connect as connectHttp2 } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import type { Server } from 'node:net';
import { expect } from 'chai';
import { fastify } from 'fastify';
import {
  attach,
  createSelfSignedCertificate,
  createServer,
  drain,
  health,
  healthHandler,
  InvalidOptionError,
  LocalKeySigner,
  SignerError,
  type Signer,
} from '../../lib/index.ts';
import { AsynchronousSigner } from '../fixtures/asynchronous-signer.ts';
import { identity } from '../fixtures/identity.ts';
import { runningKmsSites } from '../fixtures/kms-sites.ts';
import { close, connectTls, listen, next, readAll } from '../fixtures/peers.ts';
import { when } from '../fixtures/when.ts';

const { key, cert } = identity('P-256');
const minute = 60_000;

/** As much of Express's application as is used here: it has no types of its own. */
interface ExpressApplication {
  (request: IncomingMessage, response: ServerResponse): void;
  use(...handlers: unknown[]): void;
  get(path: string, handler: (request: unknown, response: { json(body: unknown): void }) => void): void;
}
const express = createRequire(import.meta.url)('express') as () => ExpressApplication;

/** A full handshake with `server`, which may fail. */
async function shakeHands(port: number): Promise<void> {
  const socket = await connectTls(port).catch(() => undefined);
  if (socket) await readAll(socket);
}

describe('health', () => {
  let server: Server;
  let fails: boolean;
  let signer: AsynchronousSigner;
  let port: number;

  beforeEach(async () => {
    fails = false;
    signer = new AsynchronousSigner(key, (operation) =>
      fails
        ? Promise.reject(new SignerError('canary', { code: 'ERR_OF_TEST' }))
        : signer.signRightly(operation),
    );
    server = createServer({ cert, signer }, (socket) => socket.end());
    server.on('tlsClientError', () => undefined);
    port = await listen(server);
  });
  afterEach(async () => {
    if (server.listening) await close(server);
  });

  const look = (now = performance.now()): ReturnType<typeof health> => health(server, () => now);

  it('is ready before the first signature, and signs nothing', () => {
    const { status, live, ready, reasons, servers, signers, engine } = look();
    expect({ status, live, ready, reasons }).to.deep.equal({
      status: 'ready',
      live: true,
      ready: true,
      reasons: [],
    });
    expect(servers[0]).to.include({ listening: true, draining: false });
    expect(servers[0]?.certificates[0]).to.include({ valid: true, daysLeft: 1, servername: undefined });
    expect(signers[0]).to.include({ ready: true, lastSuccessMs: undefined, lastFailure: undefined });
    expect(engine.answers).to.equal(true);
    expect(signer.operations).to.have.length(0);
  });

  it('is unready when a signature failed and none succeeded lately, until one succeeds or the failure is old', async () => {
    fails = true;
    await shakeHands(port);
    const { status, live, reasons } = look();
    expect({ status, live }).to.deep.equal({ status: 'unready', live: true });
    expect(reasons).to.deep.equal(['the last signature failed 0 s ago (ERR_OF_TEST)']);
    expect(look(performance.now() + minute).status).to.equal('ready');
    fails = false;
    await shakeHands(port);
    expect(look().status).to.equal('ready');
  });

  it('stays ready after a failure while another signature has succeeded lately', async () => {
    await shakeHands(port);
    const succeeded = performance.now();
    fails = true;
    await shakeHands(port);
    expect(look().status).to.equal('ready');
    expect(look().signers[0]?.lastFailure?.code).to.equal('ERR_OF_TEST');
    // The failure is later than the success, so for a moment only the failure counts.
    const { lastFailure, lastSuccessMs = 0 } = look(succeeded + minute).signers[0] ?? {};
    expect(lastFailure?.ms).to.be.below(lastSuccessMs);
    expect(look(performance.now() - (lastFailure?.ms ?? 0) + minute).status).to.equal('ready');
  });

  it('does not count a client that goes against the signer', async () => {
    const held = new AsynchronousSigner(key, () => new Promise(() => undefined));
    const holding = createServer({ cert, signer: held });
    const failed = next(holding, 'tlsClientError');
    const abandoned = connectTls(await listen(holding)).catch(() => undefined);
    await when(
      'a signature',
      () => held.operations.length,
      (count) => count === 1,
    );
    await drain(holding, { within: 0 });
    await Promise.all([failed, abandoned]);
    expect(health({ signers: [held] }).status).to.equal('ready');
  });

  it('is draining at once when the server is drained', async () => {
    const drained = drain(server);
    expect(look()).to.include({ status: 'draining', ready: false, live: true });
    expect(look().reasons).to.deep.equal(['the server is draining']);
    await drained;
    expect(look().status).to.equal('draining');
  });

  it("is unready with an expired certificate of the server's own, and warns of one for another name", async () => {
    const local = new LocalKeySigner({ key });
    const [notBefore, notAfter] = [new Date('2020-01-01'), new Date('2020-03-01')];
    const expired = await createSelfSignedCertificate({
      signer: local,
      subject: 'CN=old',
      notBefore,
      notAfter,
    });
    const named = createServer({ cert, signer: local });
    named.addContext('old.example', { cert: expired, signer: local });
    const { status, warnings } = health(named);
    expect(status).to.equal('ready');
    expect(warnings).to.deep.equal(['the certificate for old.example expired on 2020-03-01T00:00:00.000Z']);
    const old = health(createServer({ cert: expired, signer: local }));
    expect(old.status).to.equal('unready');
    expect(old.reasons).to.deep.equal(["the server's certificate expired on 2020-03-01T00:00:00.000Z"]);
    expect(old.servers[0]?.certificates[0]?.daysLeft).to.be.below(-1000);
  });

  it('asks for a signature by itself only with `probeEvery`, and not more often', async () => {
    const probed = { signers: [signer], probeEvery: 10_000 };
    const start = performance.now();
    for (let i = 0; i < 5; i++) health(probed, () => start);
    await when(
      'the signature of the probe',
      () => health(probed).signers[0]?.lastSuccessMs,
      (age) => age !== undefined,
    );
    expect(signer.operations).to.have.length(1);
    fails = true;
    for (let i = 0; i < 5; i++) health(probed, () => performance.now() + 10_001);
    expect(signer.operations).to.have.length(2);
    await when(
      'the failure of the probe',
      () => health(probed).signers[0]?.lastFailure?.code,
      (code) => code === 'ERR_OF_TEST',
    );
  });

  it('asks the signer what it knows, and survives a state() that throws', () => {
    const { publicKey, schemes } = signer;
    const own = (state: Signer['state']): Signer => ({
      ...{ publicKey, schemes, sign: () => Promise.reject(new Error('not asked')) },
      ...(state ? { state } : {}),
    });
    const reasons = (state: Signer['state']): readonly string[] => health({ signers: [own(state)] }).reasons;
    expect(reasons(() => ({ ready: true }))).to.deep.equal([]);
    expect(reasons(() => ({ ready: false, reason: 'the device is locked' }))).to.deep.equal([
      'the device is locked',
    ]);
    expect(
      reasons(() => {
        throw new Error('canary');
      }),
    ).to.deep.equal(['state() of the signer throws']);
  });

  it('refuses wrong options by name', () => {
    expect(() => health({})).to.throw(InvalidOptionError, /^servers: expected at least one server or signer/);
    expect(() => health(createHttpServer())).to.throw(InvalidOptionError, /^servers: /);
    expect(() => health({ signers: [{} as Signer] })).to.throw(InvalidOptionError, /^signers: /);
    expect(() => health({ signers: [signer], probeEvery: 100 })).to.throw(
      InvalidOptionError,
      /^probeEvery: .*10000/,
    );
    expect(() => healthHandler({ signers: [signer] }, { details: 1 as never })).to.throw(
      InvalidOptionError,
      /^details: /,
    );
  });
});

describe('health of a key in KMS', function () {
  this.timeout(60_000);
  const sites = runningKmsSites('P-256');

  it('is unready while the circuit breaker is open, with the code and without the ARN', async () => {
    const { signer } = sites().site('P-256');
    expect(health({ signers: [signer] }).ready).to.equal(true);
    await sites().kms.misbehave({ kind: 'disabled-key' });
    const operation = {
      scheme: 'ecdsa_secp256r1_sha256',
      input: Buffer.alloc(32),
      inputKind: 'digest',
    } as const;
    await signer.sign(operation).catch(() => undefined);
    const { ready, reasons, signers } = health({ signers: [signer] });
    await sites().kms.behave();
    expect(ready).to.equal(false);
    expect(reasons).to.deep.equal([
      'the circuit breaker of the signer is open (ERR_S2N_PKEY_KMS_KEY_DISABLED)',
    ]);
    expect(signers[0]?.keyArn).to.match(/^arn:/);
    signer.close();
    expect(health({ signers: [signer] }).reasons).to.deep.equal(['the signer is closed']);
  });
});

describe('healthHandler', () => {
  const signer = new LocalKeySigner({ key });
  const server = attach(createHttpsServer(), { cert, signer });
  const healthz = healthHandler(server);

  /** Status, headers and JSON of a path of a plain http server with this listener. */
  async function ask(
    listener: RequestListener,
    path: string,
    method = 'GET',
  ): Promise<{ response: Response; body: unknown }> {
    const plain = createHttpServer(listener);
    const response = await fetch(`http://127.0.0.1:${await listen(plain)}${path}`, { method });
    const text = await response.text();
    plain.closeAllConnections();
    await close(plain);
    return { response, body: text === '' ? '' : (JSON.parse(text) as unknown) };
  }
  const listener: RequestListener = (request, response) => {
    if (!healthz(request, response)) response.writeHead(404).end('{}');
  };
  const fine = { status: 'ready', live: true, ready: true, reasons: [], warnings: [] };

  it('answers its paths and no others, with JSON that nobody caches', async () => {
    for (const path of ['/healthz', '/readyz', '/livez', '/healthz?live', '/internal/healthz']) {
      const { response, body } = await ask(listener, path);
      expect(response.status, path).to.equal(200);
      expect(response.headers.get('cache-control')).to.equal('no-store');
      expect(response.headers.get('content-type')).to.equal('application/json; charset=utf-8');
      expect(body).to.deep.equal(fine);
    }
    expect((await ask(listener, '/')).response.status).to.equal(404);
    expect((await ask(listener, '/healthzz')).response.status).to.equal(404);
    expect((await ask(listener, '/healthz', 'HEAD')).body).to.equal('');
    const refused = await ask(listener, '/healthz', 'POST');
    expect(refused.response.status).to.equal(405);
    expect(refused.response.headers.get('allow')).to.equal('GET, HEAD');
  });

  it('has the whole report with `details`', async () => {
    const detailed = healthHandler({ servers: [server] }, { details: true });
    const { body } = await ask((request, response) => void detailed(request, response), '/healthz');
    expect(body).to.have.keys(...Object.keys(fine), 'engine', 'servers', 'signers');
  });

  it('works as middleware of Express, and in a route of Fastify', async () => {
    const app = express();
    app.use(healthz);
    app.get('/', (_request, response) => response.json('next'));
    expect((await ask(app, '/')).body).to.equal('next');
    expect((await ask(app, '/readyz')).body).to.deep.equal(fine);
    const mounted = express();
    mounted.use('/internal', healthz);
    expect((await ask(mounted, '/internal/livez')).body).to.deep.equal(fine);

    const web = fastify();
    web.get('/healthz', (request, reply) => {
      reply.hijack();
      healthz(request.raw, reply.raw);
    });
    const address = await web.listen({ port: 0, host: '127.0.0.1' });
    expect(await (await fetch(`${address}/healthz`)).json()).to.deep.equal(fine);
    await web.close();
  });

  it('answers 503 to readiness and 200 to liveness while the server drains, over the connections that are left', async () => {
    const http2 = attach(
      createSecureServer({}, (request, response) => {
        if (!own(request, response)) setImmediate(() => void drain(http2));
      }),
      { cert, signer },
    );
    const own = healthHandler(http2);
    const client = connectHttp2(`https://127.0.0.1:${await listen(http2)}`, { rejectUnauthorized: false });
    const status = async (path: string): Promise<unknown> => {
      const stream = client.request({ ':path': path });
      const [headers] = (await once(stream, 'response')) as [Record<string, unknown>];
      await readAll(stream);
      return headers[':status'];
    };
    expect(await status('/readyz')).to.equal(200);
    client.close();
    void drain(http2);
    expect(
      (await ask((request, response) => void own(request, response), '/readyz')).response.status,
    ).to.equal(503);
    expect(
      (await ask((request, response) => void own(request, response), '/livez')).response.status,
    ).to.equal(200);
    await drain(http2);
  });
});
