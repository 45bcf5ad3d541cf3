import { once } from 'node:events';
import { createServer as createHttpsServer } from 'node:https';
import { connect as connectTcp, type Server } from 'node:net';
import { createSecureContext as createNodeContext, connect, type ConnectionOptions } from 'node:tls';
import { expect } from 'chai';
import {
  attach,
  createSecureContext,
  createServer,
  type SecureContext,
  type TlsConnectionError,
  type TlsServer,
  type TlsServerOptions,
  type TlsSocket,
} from '../../lib/index.ts';
import { AsynchronousSigner } from '../fixtures/asynchronous-signer.ts';
import { identity } from '../fixtures/identity.ts';
import { close, connectTls, listen, readAll } from '../fixtures/peers.ts';
import { when } from '../fixtures/when.ts';

function site(name: string): { cert: string; signer: AsynchronousSigner } {
  const { key, cert } = identity('P-256', name);
  return { cert, signer: new AsynchronousSigner(key) };
}

type Callback = (error: Error | null, context?: SecureContext | null) => void;

describe('Choosing by the client hello', () => {
  const servers: Server[] = [];
  afterEach(async () => {
    for (const server of servers.splice(0)) if (server.listening) await close(server);
  });
  function serving(options: Partial<TlsServerOptions>): TlsServer {
    const server = createServer({ ...site('main.example'), ...options }, (socket) => socket.end('answer'));
    servers.push(server);
    return server;
  }
  async function shown(port: number, options: ConnectionOptions): Promise<string> {
    const client = await connectTls(port, options);
    const { CN } = client.getPeerCertificate().subject;
    await readAll(client);
    return String(CN);
  }
  /** How a handshake failed for the server, and for the client. */
  async function failure(
    server: TlsServer,
    options: ConnectionOptions,
  ): Promise<{ error: Error & { code?: string }; socket: TlsSocket; client: string }> {
    const told = once(server, 'tlsClientError') as Promise<[TlsConnectionError, TlsSocket]>;
    const client = connect({
      port: (server.address() as { port: number }).port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      ...options,
    });
    const [reason] = (await once(client, 'error')) as [Error & { code: string }];
    const [error, socket] = await told;
    return { error, socket, client: reason.code };
  }

  describe('SNICallback', () => {
    it('gives a context, in its own time, whose signer is asked', async () => {
      const [made, main] = [site('made.example'), site('main.example')];
      const asked: string[] = [];
      const server = serving({
        ...main,
        SNICallback: (name: string, callback: Callback) => {
          asked.push(name);
          setImmediate(() => callback(null, createSecureContext(made)));
        },
      });
      const port = await listen(server);
      for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
        const versions = { minVersion: version, maxVersion: version };
        expect(await shown(port, { servername: 'made.example', ...versions })).to.equal('made.example');
      }
      expect(asked).to.deep.equal(['made.example', 'made.example']);
      expect([made.signer.operations.length, main.signer.operations.length]).to.deep.equal([2, 0]);
    });

    it('leaves it to addContext and the server where it gives none, and is not asked without a name', async () => {
      const asked: string[] = [];
      const server = serving({
        SNICallback: (name: string, callback: Callback) => {
          asked.push(name);
          callback(null, name.startsWith('a') ? null : undefined);
        },
      });
      server.addContext('a.example', site('a.example'));
      const port = await listen(server);
      expect(await shown(port, { servername: 'a.example' })).to.equal('a.example');
      expect(await shown(port, { servername: 'b.example' })).to.equal('main.example');
      expect(await shown(port, { servername: '' })).to.equal('main.example');
      expect(asked).to.deep.equal(['a.example', 'b.example']);
    });

    it('resumes sessions under the context that it gave', async () => {
      const made = site('made.example');
      const context = createSecureContext(made);
      const server = serving({ SNICallback: (_name: string, callback: Callback) => callback(null, context) });
      const port = await listen(server);
      let session: Buffer | undefined;
      for (const reused of [false, true]) {
        const client = connect({
          port,
          host: '127.0.0.1',
          servername: 'made.example',
          rejectUnauthorized: false,
          session,
        });
        client.on('session', (given: Buffer) => (session = given));
        await readAll(client);
        expect(client.isSessionReused()).to.equal(reused);
      }
      expect(made.signer.operations).to.have.lengthOf(1);
    });

    it('refuses with its error: tlsClientError has it, and a socket that knows the peer; the client an alert', async () => {
      const reason = new Error('no such site');
      const server = serving({ SNICallback: (_name: string, callback: Callback) => callback(reason) });
      await listen(server);
      const { error, socket, client } = await failure(server, { servername: 'a.example' });
      expect(error).to.equal(reason);
      expect(socket.destroyed).to.equal(true);
      expect(socket.servername).to.equal('a.example');
      expect(socket.remoteAddress).to.equal('127.0.0.1');
      expect(client).to.equal('ERR_SSL_TLSV1_UNRECOGNIZED_NAME');
    });

    it('fails only this handshake if it throws or returns another value than a context', async () => {
      const answers: [string, (name: string, callback: Callback) => void, ...string[]][] = [
        [
          'it throws',
          () => {
            throw Object.assign(new Error('mine'), { code: 'MINE' });
          },
          'MINE',
          'mine',
          'ERR_SSL_TLSV1_UNRECOGNIZED_NAME',
        ],
        [
          'a context of node:tls',
          (_name, callback) => callback(null, createNodeContext() as unknown as SecureContext),
          'ERR_TLS_INVALID_CONTEXT',
          "SNICallback must give a context of this package's createSecureContext({ cert, signer }), not one of node:tls",
          'ECONNRESET', // without an alert, as with node:tls
        ],
        [
          'something else',
          (_name, callback) => callback(null, JSON.parse('{}') as SecureContext),
          'ERR_TLS_INVALID_CONTEXT',
          'Invalid SNI context',
          'ECONNRESET',
        ],
      ];
      for (const [what, SNICallback, ...seen] of answers) {
        const server = serving({
          SNICallback: (name, callback) => (name === 'good' ? callback(null) : SNICallback(name, callback)),
        });
        const port = await listen(server);
        const { error, client } = await failure(server, { servername: 'a.example' });
        expect([error.code, error.message, client], what).to.deep.equal(seen);
        expect(await shown(port, { servername: 'good' })).to.equal('main.example');
      }
    });

    it('has time until handshakeTimeout, and a later answer is ignored', async () => {
      const callbacks: Callback[] = [];
      const server = serving({
        handshakeTimeout: 100,
        SNICallback: (_name: string, callback: Callback) => callbacks.push(callback),
      });
      await listen(server);
      let secured = 0;
      server.on('secureConnection', () => (secured += 1));
      // On a busy machine the time may be over before the hello has come, and nobody is asked.
      await when(
        'a hello in time',
        async () => {
          const { error, client } = await failure(server, { servername: 'a' });
          expect(error.code).to.equal('ERR_TLS_HANDSHAKE_TIMEOUT');
          return { asked: callbacks.length, client };
        },
        ({ asked }) => asked > 0,
      );
      const failed: unknown[] = [];
      server.on('tlsClientError', (error: unknown) => failed.push(error));
      const late = site('late.example');
      for (const callback of callbacks) callback(null, createSecureContext(late));
      const other = serving({});
      expect(await shown(await listen(other), {})).to.equal('main.example');
      expect({ secured, failed, asked: late.signer.operations }).to.deep.equal({
        secured: 0,
        failed: [],
        asked: [],
      });
    });

    it('may be waiting when its client goes: that is noticed, and others are served', async () => {
      let asked: (callback: Callback) => void = () => undefined;
      const callback = new Promise<Callback>((resolve) => (asked = resolve));
      const server = serving({
        SNICallback: (name: string, answer: Callback) => (name === 'b' ? asked(answer) : answer(null)),
      });
      const told = once(server, 'tlsClientError') as Promise<[TlsConnectionError]>;
      const port = await listen(server);
      const client = connect({ port, host: '127.0.0.1', servername: 'b' });
      client.on('error', () => undefined);
      const answer = await callback;
      client.destroy();
      expect((await told)[0].code).to.equal('ECONNRESET');
      answer(null);
      expect(await shown(port, { servername: 'c' })).to.equal('main.example');
    });
  });

  describe('ALPNCallback', () => {
    it('chooses one of the protocols that the client offers', async () => {
      const offers: object[] = [];
      const server = serving({
        ALPNCallback: (offer) => {
          offers.push(offer);
          return offer.protocols[1];
        },
      });
      const port = await listen(server);
      const client = await connectTls(port, { servername: 'a', ALPNProtocols: ['one', 'two', 'three'] });
      expect(client.alpnProtocol).to.equal('two');
      await readAll(client);
      expect(offers).to.deep.equal([{ servername: 'a', protocols: ['one', 'two', 'three'] }]);
      const plain = await connectTls(port);
      expect(plain.alpnProtocol).to.equal(false);
      await readAll(plain);
      expect(offers).to.have.lengthOf(1);
    });

    it('refuses by undefined with no_application_protocol, and fails by anything that was not offered', async () => {
      for (const [answer, code] of [
        [undefined, 'ERR_S2N_PKEY_PROTOCOL'],
        ['other', 'ERR_TLS_ALPN_CALLBACK_INVALID_RESULT'],
        [1, 'ERR_TLS_ALPN_CALLBACK_INVALID_RESULT'],
      ] as const) {
        const server = serving({ ALPNCallback: () => answer as string | undefined });
        await listen(server);
        const { error, client } = await failure(server, { ALPNProtocols: ['one'] });
        expect(error.code).to.equal(code);
        expect(client).to.equal('ERR_SSL_TLSV1_ALERT_NO_APPLICATION_PROTOCOL');
      }
    });

    it('goes with SNICallback, on attached servers too, and takes the place of their own protocols', async () => {
      const made = createSecureContext(site('made.example'));
      const server = attach(
        createHttpsServer((_req, res) => res.end('x')),
        {
          ...site('main.example'),
          SNICallback: (_name, callback) => callback(null, made),
          ALPNCallback: () => 'http/1.1',
        },
      );
      servers.push(server);
      const client = await connectTls(await listen(server), {
        servername: 'a',
        ALPNProtocols: ['x', 'http/1.1'],
      });
      expect(client.alpnProtocol).to.equal('http/1.1');
      expect(client.getPeerCertificate().subject.CN).to.equal('made.example');
      client.end('GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
      expect((await readAll(client)).toString()).to.match(/^HTTP\/1\.1 200/);
    });
  });

  it('is refused by name where it is asked for wrongly', () => {
    const both = { ALPNCallback: () => 'a', ALPNProtocols: ['a'] };
    expect(() => serving(both))
      .to.throw()
      .with.property('code', 'ERR_TLS_ALPN_CALLBACK_WITH_PROTOCOLS');
    expect(() => serving({ SNICallback: 'x' as never })).to.throw(/^SNICallback: expected a function/);
    expect(() => serving({ ALPNCallback: {} as never })).to.throw(/^ALPNCallback: expected a function/);
  });

  it('does not outlive a client that says nothing at all', async () => {
    const server = serving({ handshakeTimeout: 50, SNICallback: (_name, callback) => callback(null) });
    const silent = connectTcp(await listen(server), '127.0.0.1');
    silent.on('error', () => undefined);
    const [error] = (await once(server, 'tlsClientError')) as [TlsConnectionError];
    expect(error.code).to.equal('ERR_TLS_HANDSHAKE_TIMEOUT');
    silent.destroy();
  });
});
