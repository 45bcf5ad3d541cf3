import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { Agent, createServer, request, type RequestOptions } from 'node:https';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { attach, TlsSocket } from '../../lib/index.ts';
import { curlEcho } from '../fixtures/command-line-clients.ts';
import { runningKmsSites, siteName } from '../fixtures/kms-sites.ts';
import { close, listen, readAll } from '../fixtures/peers.ts';
import { needs } from '../fixtures/needs.ts';

/** For a process of its own: node's fetch takes further certificate authorities from NODE_EXTRA_CA_CERTS alone, at its start. */
const fetchProgram = `
  const answers = [];
  for (const body of ['one', 'two']) {
    const response = await fetch(process.argv[1], { method: 'POST', body });
    answers.push({ status: response.status, text: await response.text() });
  }
  console.log(JSON.stringify(answers));
`;

describe('https requests to a server whose key is in KMS', () => {
  const running = runningKmsSites('P-256', 'P-384');
  const servers: Server[] = [];

  afterEach(async () => {
    for (const server of servers.splice(0)) await close(server);
  });

  /** An https server as users write it, made without a key, that answers with the body of the request. */
  async function echoServer(): Promise<{ port: number; cert: string; server: Server }> {
    const { cert, signer } = running().site('P-384');
    const app = (req: IncomingMessage, res: ServerResponse): void => {
      const protocol = req.socket instanceof TlsSocket ? req.socket.getProtocol() : null;
      res.setHeader('x-protocol', String(protocol));
      res.setHeader('content-type', 'application/octet-stream');
      req.pipe(res);
    };
    const server = attach(createServer(app), { cert, signer });
    servers.push(server);
    return { server, cert, port: await listen(server) };
  }

  interface Answer {
    readonly status: number | undefined;
    readonly protocol: unknown;
    readonly body: Buffer;
  }

  async function post(port: number, body: string | Buffer, more: RequestOptions): Promise<Answer> {
    const outgoing = request({ port, host: '127.0.0.1', servername: siteName, method: 'POST', ...more });
    outgoing.end(body);
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    return {
      status: response.statusCode,
      protocol: response.headers['x-protocol'],
      body: await readAll(response),
    };
  }

  async function signatures(): Promise<number> {
    const { Sign: sign } = await running().kms.counters();
    return sign?.outcomes['ok'] ?? 0;
  }

  it('node:https is answered', async () => {
    const { port, cert } = await echoServer();
    const { status, protocol, body } = await post(port, 'hello', { ca: cert });
    expect({ status, protocol, text: body.toString() }).to.deep.equal({
      status: 200,
      protocol: 'TLSv1.3',
      text: 'hello',
    });
  });

  it('node:https refuses a server whose certificate it does not trust', async () => {
    const { port } = await echoServer();
    const refusal = await post(port, 'hello', { ca: running().site('P-256').cert }).catch(
      (error: unknown) => error,
    );
    expect(refusal).to.have.property('code', 'DEPTH_ZERO_SELF_SIGNED_CERT');
  });

  it('many requests on one kept connection cost one signature of KMS', async () => {
    const { port, cert, server } = await echoServer();
    let connections = 0;
    server.on('secureConnection', () => connections++);
    await running().kms.resetCounters();
    const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: cert });
    try {
      const bodies = Array.from({ length: 20 }, (_, n) => `request ${n}`);
      const answers = await Promise.all(bodies.map((body) => post(port, body, { agent })));
      expect(answers.map(({ body }) => body.toString())).to.deep.equal(bodies);
    } finally {
      agent.destroy();
    }
    expect(connections).to.equal(1);
    expect(await signatures()).to.equal(1);
  });

  it('a large body comes back whole', async () => {
    const { port, cert } = await echoServer();
    const sent = randomBytes(8 * 1024 * 1024);
    const { body } = await post(port, sent, { ca: cert });
    expect(body.equals(sent)).to.equal(true);
  });

  it('large bodies at once, on connections of their own, do not get mixed up', async () => {
    const { port, cert } = await echoServer();
    const sent = Array.from({ length: 8 }, () => randomBytes(1024 * 1024));
    const answers = await Promise.all(sent.map((body) => post(port, body, { ca: cert, agent: false })));
    expect(answers.map(({ body }, n) => sent[n]?.equals(body))).to.deep.equal(sent.map(() => true));
  });

  it('the fetch of node is answered', async () => {
    const { port, cert } = await echoServer();
    const folder = mkdtempSync(join(tmpdir(), 's2n-pkey-fetch-'));
    try {
      const trusted = join(folder, 'trusted.pem');
      writeFileSync(trusted, cert);
      const { stdout } = await promisify(execFile)(
        process.execPath,
        ['--input-type=module', '--eval', fetchProgram, `https://localhost:${port}/`],
        { env: { ...process.env, NODE_EXTRA_CA_CERTS: trusted, NODE_OPTIONS: '' }, timeout: 20_000 },
      );
      expect(JSON.parse(stdout)).to.deep.equal([
        { status: 200, text: 'one' },
        { status: 200, text: 'two' },
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  describe('curl', () => {
    needs('curl');

    for (const protocol of ['TLSv1.2', 'TLSv1.3'] as const) {
      it(`is answered over ${protocol}, with a body of a megabyte`, async () => {
        const { port, cert } = await echoServer();
        const sent = randomBytes(512 * 1024).toString('hex');
        const echo = await curlEcho({ port, cert, name: siteName, protocol }, sent);
        expect(echo.protocol).to.equal(protocol);
        expect(echo.text === sent, 'the body came back whole').to.equal(true);
      });
    }
  });
});
