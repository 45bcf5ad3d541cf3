import { once } from 'node:events';
import { connect as connectHttp2, createSecureServer } from 'node:http2';
import { createServer as createHttpsServer, request, type RequestOptions } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { Server } from 'node:net';
import { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { Agent as UndiciAgent, fetch as undiciFetch, request as undiciRequest } from 'undici';
import { Agent, buildConnector, connect } from '../../lib/index.ts';
import { AsynchronousSigner } from '../fixtures/asynchronous-signer.ts';
import { Authority } from '../fixtures/authority.ts';
import type { Identity } from '../fixtures/identity.ts';
import { close, listen, readAll } from '../fixtures/peers.ts';

/** Clients whose certificates' keys are with signers, and servers of Node's that ask for them. */
describe('clients of https, fetch and http2', () => {
  let root: Authority;
  let site: Identity;
  let alice: { cert: string; signer: AsynchronousSigner };
  let bob: typeof alice;
  let server: Server | undefined;
  let connections = 0;

  before(async () => {
    root = await Authority.create('Test root');
    site = await root.issue({ name: 'localhost', dns: ['localhost'], usage: 'server' });
    const client = async (name: string): Promise<typeof alice> => {
      const { cert, key } = await root.issue({ name, usage: 'client' });
      return { cert, signer: new AsynchronousSigner(key) };
    };
    [alice, bob] = [await client('alice'), await client('bob')];
  });

  afterEach(async () => {
    if (server?.listening) await close(server);
    server = undefined;
  });

  /** Answers each request with the name on the client's certificate. */
  async function serve(): Promise<number> {
    const asks = { ...site, requestCert: true, ca: root.certificate };
    server = createHttpsServer(asks, (req, res) => {
      const socket = req.socket as unknown as TLSSocket;
      req
        .resume()
        .on('end', () =>
          res.end(`${String(socket.authorized)} ${String(socket.getPeerCertificate().subject.CN)}`),
        );
    });
    connections = 0;
    server.on('secureConnection', () => connections++);
    return listen(server);
  }

  async function ask(port: number, options: RequestOptions): Promise<string> {
    const outgoing = request({ port, host: 'localhost', family: 4, ...options });
    outgoing.end(options.method === 'POST' ? 'a body' : undefined);
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    return (await readAll(response)).toString();
  }

  it('https.request shows the certificate of its Agent', async () => {
    const port = await serve();
    const agent = new Agent({ ...alice, ca: root.certificate });
    expect(await ask(port, { agent })).to.equal('true alice');
    expect(await ask(port, { agent, method: 'POST' })).to.equal('true alice');
    agent.destroy();
  });

  it('keeps connections for their own signer alone', async () => {
    const port = await serve();
    const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: root.certificate });
    const signed = alice.signer.operations.length;
    for (let i = 0; i < 3; i++) {
      expect(await ask(port, { agent, ...alice })).to.equal('true alice');
    }
    expect(connections).to.equal(1);
    expect(alice.signer.operations.length - signed).to.equal(1);
    expect(await ask(port, { agent, ...bob })).to.equal('true bob');
    expect(connections).to.equal(2);
    agent.destroy();
  });

  it('resumes sessions of connections that it made before, without asking the signer', async () => {
    const port = await serve();
    const agent = new Agent({ ...alice, ca: root.certificate });
    expect(await ask(port, { agent })).to.equal('true alice');
    const signed = alice.signer.operations.length;
    const outgoing = request({ port, host: 'localhost', family: 4, agent });
    outgoing.end();
    const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
    expect((response.socket as unknown as TLSSocket).isSessionReused()).to.equal(true);
    expect((await readAll(response)).toString()).to.equal('true alice');
    expect(alice.signer.operations.length).to.equal(signed);
    agent.destroy();
  });

  it('fails a request with the reason why its server is not trusted', async () => {
    const port = await serve();
    const outgoing = request({ port, host: 'localhost', family: 4, agent: new Agent({ ...alice }) });
    outgoing.end();
    const [error] = (await once(outgoing, 'error')) as [NodeJS.ErrnoException];
    expect(error.code).to.equal('SELF_SIGNED_CERT_IN_CHAIN');
  });

  it('fetch and undici show the certificate of their dispatcher', async () => {
    const port = await serve();
    const dispatcher = new UndiciAgent({
      connect: buildConnector({ ...alice, ca: root.certificate }) as never,
    });
    const url = `https://localhost:${port}/`;
    expect(await (await undiciFetch(url, { dispatcher })).text()).to.equal('true alice');
    expect(await (await undiciRequest(url, { dispatcher, method: 'POST', body: 'x' })).body.text()).to.equal(
      'true alice',
    );
    // Node's own fetch takes a dispatcher of undici's.
    expect(await (await fetch(url, { dispatcher } as never)).text()).to.equal('true alice');
    await dispatcher.close();
    const stranger = new UndiciAgent({ connect: buildConnector({ ...alice }) as never });
    const failure: unknown = await undiciRequest(url, { dispatcher: stranger }).catch(
      (error: unknown) => error,
    );
    expect(failure).to.have.property('code', 'SELF_SIGNED_CERT_IN_CHAIN');
    await stranger.close();
  });

  it('http2 goes over connections that connect makes', async () => {
    const h2 = createSecureServer({ ...site, requestCert: true, ca: root.certificate }, (req, res) => {
      res.end(String((req.socket as unknown as TLSSocket).getPeerCertificate().subject.CN));
    });
    server = h2;
    const port = await listen(h2);
    const session = connectHttp2(`https://localhost:${port}`, {
      createConnection: () =>
        connect({
          port,
          host: 'localhost',
          family: 4,
          ALPNProtocols: ['h2'],
          ...alice,
          ca: root.certificate,
        }),
    });
    const stream = session.request({ ':path': '/' });
    expect((await readAll(stream)).toString()).to.equal('alice');
    expect(session.alpnProtocol).to.equal('h2');
    expect(session.encrypted).to.equal(true);
    session.close();
    await once(session, 'close');
  });

  it('is a tls.TLSSocket to those who ask', async () => {
    const port = await serve();
    const socket = connect({ port, host: 'localhost', family: 4, ca: root.certificate, ...alice });
    expect(socket).to.be.instanceOf(TLSSocket);
    socket.destroy();
  });
});
