import { once } from 'node:events';
import { createServer as createHttpServer, type IncomingMessage } from 'node:http';
import {
  Agent as NodeAgent,
  createServer as createHttpsServer,
  request,
  type RequestOptions,
} from 'node:https';
import { connect as connectTcp, createServer as createTcpServer, type Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { expect } from 'chai';
import { Agent, type AgentOptions } from '../../lib/index.ts';
import { readProxyEnv } from '../../lib/tls/client/agent-proxy.ts';
import { identity } from '../fixtures/identity.ts';
import { close, listen, readAll } from '../fixtures/peers.ts';

const own = identity('P-256');
const [major = 0, minor = 0] = process.versions.node.split('.').map(Number);
/** Node's own agents have the option from here on. */
const nodeHasProxyEnv = major > 24 || (major === 24 && minor >= 5);
/** Destroyed after each test, so that one that fails leaves no connection for the process to wait for. */
const agents: NodeAgent[] = [];
const withProxyEnv = (options: AgentOptions): NodeAgent[] => {
  const made = [new Agent(options), ...(nodeHasProxyEnv ? [new NodeAgent(options as never)] : [])];
  agents.push(...made);
  return made;
};

describe("An Agent's `proxyEnv`", () => {
  let target: Server;
  let port: number;
  let proxy: Server;
  let proxyPort: number;
  /** What the proxy was asked. */
  let asked: { url: string | undefined; headers: Record<string, unknown> }[];
  /** How it answers. */
  let answer: (req: IncomingMessage, socket: Duplex) => void;
  const open = new Set<Duplex>();

  const tunnel = (req: IncomingMessage, socket: Duplex): void => {
    const onward = connectTcp(port, '127.0.0.1', () => {
      socket.write('HTTP/1.1 200 Connection established\r\nvia: 1.1 test\r\n\r\n');
      socket.pipe(onward).pipe(socket);
    });
    open.add(onward.on('error', () => undefined));
  };

  beforeEach(async () => {
    asked = [];
    answer = tunnel;
    target = createHttpsServer(own, (req, res) => res.end(`hello ${String(req.headers.host)}`));
    port = await listen(target);
    proxy = createHttpServer();
    proxy.on('connect', (req: IncomingMessage, socket: Duplex) => {
      open.add(socket.on('error', () => undefined));
      asked.push({ url: req.url, headers: { ...req.headers } });
      answer(req, socket);
    });
    proxyPort = await listen(proxy);
  });
  afterEach(async () => {
    for (const agent of agents.splice(0)) agent.destroy();
    for (const socket of open) socket.destroy();
    await Promise.all([close(target), close(proxy)]);
  });

  const options = (proxyEnv: Record<string, string>): AgentOptions => ({ ca: own.cert, proxyEnv });

  async function ask(agent: NodeAgent, more: RequestOptions = {}): Promise<string> {
    const outgoing = request({ port, host: 'localhost', family: 4, agent, ...more }).end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    return (await readAll(response)).toString();
  }

  async function failureOf(agent: NodeAgent, timeout = 0): Promise<Record<string, unknown>> {
    const outgoing = request({ port, host: 'localhost', agent, timeout }).end();
    const errors: NodeJS.ErrnoException[] = [];
    outgoing.on('error', (error) => errors.push(error));
    await new Promise((resolve) => outgoing.once('close', resolve));
    expect(errors).to.have.lengthOf(1);
    const [error] = errors;
    const { code, message, statusCode, proxyTunnelTimeout } = (error ?? {}) as Record<string, unknown>;
    return { code, message, statusCode, proxyTunnelTimeout };
  }

  it('has requests go through the proxy, which is asked as by Node', async () => {
    for (const agent of withProxyEnv(options({ https_proxy: `http://user:p%40ss@127.0.0.1:${proxyPort}` }))) {
      expect(await ask(agent)).to.equal(`hello localhost:${port}`);
      agent.destroy();
    }
    const authorization = `Basic ${Buffer.from('user:p@ss').toString('base64')}`;
    const headers = { host: `localhost:${port}`, 'proxy-authorization': authorization };
    for (const seen of asked) expect(seen).to.deep.equal({ url: `localhost:${port}`, headers });
    expect(asked).to.have.lengthOf(nodeHasProxyEnv ? 2 : 1);
  });

  it('keeps and resumes connections through it', async () => {
    const agent = new Agent({
      ...options({ HTTPS_PROXY: `http://127.0.0.1:${proxyPort}` }),
      keepAlive: true,
      maxSockets: 1,
    });
    for (let i = 0; i < 3; i++) expect(await ask(agent)).to.match(/^hello/);
    expect(asked.map(({ headers }) => headers['proxy-connection'])).to.deep.equal(['keep-alive']);
    agent.destroy();
  });

  it('verifies the target, not the proxy', async () => {
    const proxyEnv = { https_proxy: `http://127.0.0.1:${proxyPort}` };
    for (const agent of withProxyEnv({ ca: identity('P-384').cert, proxyEnv })) {
      expect((await failureOf(agent))['code']).to.equal('DEPTH_ZERO_SELF_SIGNED_CERT');
      agent.destroy();
    }
  });

  it("emits 'keylog' for the target", async () => {
    const agent = new Agent(options({ https_proxy: `http://127.0.0.1:${proxyPort}` }));
    const lines: Buffer[] = [];
    agent.on('keylog', (line: Buffer) => lines.push(line));
    await ask(agent);
    expect(lines).not.to.have.lengthOf(0);
    agent.destroy();
  });

  it('leaves out the hosts of no_proxy, as Node does', async () => {
    const https_proxy = `http://127.0.0.1:${proxyPort}`;
    for (const no_proxy of ['*', 'localhost', `a.test, LOCALHOST:${port}`, '.localhost']) {
      for (const agent of withProxyEnv(options({ https_proxy, no_proxy }))) {
        expect(await ask(agent), no_proxy).to.match(/^hello/);
        agent.destroy();
      }
    }
    expect(asked).to.deep.equal([]);
    const read = readProxyEnv({ https_proxy, NO_PROXY: '.a.test,*.b.test,10.0.0.1-10.0.0.9, c:1' });
    const hosts = ['a.test', 'x.a.test', 'xa.test', 'b.test', 'x.b.test', '10.0.0.5', '10.0.1.5', 'c', 'd'];
    expect(hosts.filter((host) => read?.serves(host, 1))).to.deep.equal([
      'xa.test',
      'b.test',
      '10.0.1.5',
      'd',
    ]);
  });

  it('fails the request where the proxy refuses, hangs up, says too much or nothing', async () => {
    const answers: Record<string, typeof answer> = {
      refuses: (_req, socket) => void socket.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n'),
      'hangs up': (_req, socket) => void socket.end('HTTP/1.1 200 '),
      'says too much': (_req, socket) => void socket.write(`HTTP/1.1 200 OK\r\nx: ${'x'.repeat(70_000)}`),
      'says nothing': () => undefined,
    };
    for (const [what, act] of Object.entries(answers)) {
      answer = act;
      const results: unknown[] = [];
      for (const agent of withProxyEnv(options({ https_proxy: `http://a:secret@127.0.0.1:${proxyPort}` }))) {
        const failure = await failureOf(agent, what === 'says nothing' ? 300 : 0);
        expect(failure['code'], what).to.equal('ERR_PROXY_TUNNEL');
        expect(failure['message'], what).not.to.contain('secret');
        results.push(failure);
        agent.destroy();
      }
      if (results.length > 1) expect(results[0], what).to.deep.equal(results[1]);
    }
  });

  it('fails the request if the proxy refuses the connection', async () => {
    const nobody = createTcpServer();
    const free = await listen(nobody);
    await close(nobody);
    for (const agent of withProxyEnv(options({ https_proxy: `http://127.0.0.1:${free}` }))) {
      expect((await failureOf(agent))['code']).to.equal('ECONNREFUSED');
      agent.destroy();
    }
  });

  it('verifies a proxy that speaks TLS itself, as Node does', async () => {
    const secure = createHttpsServer(own).on('tlsClientError', () => undefined);
    const proxyEnv = { https_proxy: `https://localhost:${await listen(secure)}` };
    for (const agent of withProxyEnv(options(proxyEnv))) {
      expect((await failureOf(agent))['code']).to.equal('DEPTH_ZERO_SELF_SIGNED_CERT');
      agent.destroy();
    }
    await close(secure);
  });

  it('is refused by name if its URL is invalid, without printing the URL', () => {
    expect(() => new Agent(options({ https_proxy: 'http://user:secret@:x' })))
      .to.throw(/^proxyEnv: expected an https_proxy that is a URL; /)
      .with.property('message')
      .that.does.not.contain('secret');
  });
});
