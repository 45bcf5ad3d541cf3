import { once } from 'node:events';
import { connect as connectTcp, createServer as createTcpServer, type Server, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import {
  checkServerIdentity,
  createServer as createNodeServer,
  type TLSSocket,
  type TlsOptions,
} from 'node:tls';
import { expect } from 'chai';
import {
  connect,
  createServer,
  LocalKeySigner,
  type ConnectOptions,
  type TlsSocket,
} from '../../lib/index.ts';
import { AsynchronousSigner } from '../fixtures/asynchronous-signer.ts';
import { Authority } from '../fixtures/authority.ts';
import { identity, type Identity, type KeyKind } from '../fixtures/identity.ts';
import { runningKmsSites } from '../fixtures/kms-sites.ts';
import { close, listen, next, readAll } from '../fixtures/peers.ts';

const versions = ['TLSv1.2', 'TLSv1.3'] as const;

describe('connect', () => {
  let root: Authority;
  let site: Identity;
  const servers: Server[] = [];

  before(async () => {
    root = await Authority.create('Test root');
    const intermediate = await root.intermediate('Test intermediate');
    site = await intermediate.issue({
      name: 'localhost',
      dns: ['localhost'],
      ip: ['127.0.0.1'],
      usage: 'server',
    });
  });

  afterEach(async () => {
    for (const server of servers.splice(0)) if (server.listening) await close(server);
  });

  async function serve(options: TlsOptions, onSecure?: (socket: TLSSocket) => void): Promise<number> {
    const server = createNodeServer({ key: site.key, cert: site.cert, ...options }, (socket) => {
      socket.on('error', () => undefined);
      if (onSecure) onSecure(socket);
      else socket.pipe(socket);
    });
    server.on('tlsClientError', () => undefined);
    servers.push(server);
    return listen(server);
  }

  function to(port: number, options: ConnectOptions = {}): TlsSocket {
    return connect({ port, host: '127.0.0.1', servername: 'localhost', ca: root.certificate, ...options });
  }

  async function failureOf(socket: TlsSocket): Promise<NodeJS.ErrnoException> {
    const error = await next<NodeJS.ErrnoException>(socket, 'error');
    expect(socket).to.include({ destroyed: true, authorized: false });
    return error;
  }

  for (const version of versions) {
    describe(`over ${version}`, () => {
      const limits = { minVersion: version, maxVersion: version };

      it('verifies the server and carries data both ways', async () => {
        const socket = to(await serve({ ...limits }));
        await once(socket, 'secureConnect');
        expect(socket).to.include({ authorized: true, authorizationError: null, encrypted: true });
        expect(socket.getProtocol()).to.equal(version);
        expect(socket.getPeerCertificate(true).issuerCertificate.subject.CN).to.equal('Test intermediate');
        expect(socket.remoteAddress).to.equal('127.0.0.1');
        const body = Buffer.alloc(1_000_000, 'pattern ');
        socket.end(body);
        expect((await readAll(socket)).equals(body)).to.equal(true);
      });

      it('delivers what was written before the handshake was done, in order, and end() too', async () => {
        const socket = to(await serve({ ...limits }));
        for (let i = 0; i < 100; i++) socket.write(`${i} `);
        socket.end('end');
        const expected = `${Array.from({ length: 100 }, (_, i) => `${i} `).join('')}end`;
        expect((await readAll(socket)).toString()).to.equal(expected);
      });

      it('sends only an alert to a server it does not trust, and names the reason', async () => {
        let received = 0;
        const port = await serve({ ...limits, ...identity('P-384') }, (socket) =>
          socket.on('data', () => received++),
        );
        const [server] = servers;
        if (!server) throw new Error('no server');
        const alert = next<Error>(server, 'tlsClientError');
        const socket = to(port);
        socket.write('secret');
        expect((await failureOf(socket)).code).to.equal('DEPTH_ZERO_SELF_SIGNED_CERT');
        expect((await alert).message).to.match(/unknown ca/);
        expect(received).to.equal(0);
      });

      it('connects to any server with rejectUnauthorized off, and reports the reason', async () => {
        const socket = to(await serve({ ...limits, ...identity('P-384') }), { rejectUnauthorized: false });
        await once(socket, 'secureConnect');
        expect(socket).to.include({ authorized: false, authorizationError: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
        socket.destroy();
      });

      it('refuses a certificate for another name in node’s words, before a byte is sent', async () => {
        let received = 0;
        const port = await serve({ ...limits }, (socket) => socket.on('data', () => received++));
        const socket = to(port, { servername: 'elsewhere.test' });
        socket.write('secret');
        const error = await failureOf(socket);
        const expected = checkServerIdentity('elsewhere.test', socket.getPeerCertificate());
        expect(error).to.include({ code: 'ERR_TLS_CERT_ALTNAME_INVALID', host: 'elsewhere.test' });
        expect(error.message).to.equal(expected?.message);
        expect(error).to.have.property('cert').with.property('subjectaltname');
        expect(received).to.equal(0);
        const lax = to(port, { servername: 'elsewhere.test', rejectUnauthorized: false });
        await once(lax, 'secureConnect');
        expect(lax).to.include({ authorized: false, authorizationError: 'ERR_TLS_CERT_ALTNAME_INVALID' });
        lax.destroy();
      });

      it('asks checkServerIdentity about a certificate that verifies, whatever its name', async () => {
        const port = await serve({ ...limits });
        const asked: string[] = [];
        const pinned = to(port, {
          servername: 'elsewhere.test',
          checkServerIdentity: (hostname, { subject }) => {
            asked.push(hostname, String(subject.CN));
            return undefined;
          },
        });
        await once(pinned, 'secureConnect');
        expect(asked).to.deep.equal(['elsewhere.test', 'localhost']);
        expect(pinned.authorized).to.equal(true);
        pinned.destroy();
        const reason = new Error('not the pinned key');
        expect(await failureOf(to(port, { checkServerIdentity: () => reason }))).to.equal(reason);
        const thrown = new TypeError('thrown');
        const throws = to(port, {
          checkServerIdentity: () => {
            throw thrown;
          },
        });
        expect(await failureOf(throws)).to.equal(thrown);
      });

      it('resumes a session, and verifies the server again', async () => {
        const port = await serve({ ...limits });
        const first = to(port);
        first.resume();
        const session = await next<Buffer>(first, 'session');
        expect(first.getSession()).to.be.instanceOf(Buffer);
        first.end();
        const again = to(port, { session });
        await once(again, 'secureConnect');
        expect(again.isSessionReused()).to.equal(true);
        expect(again.authorized).to.equal(true);
        expect(again.getPeerX509Certificate()?.subject).to.equal('CN=localhost');
        again.end('x');
        expect((await readAll(again)).toString()).to.equal('x');
        // Neither another name nor other authorities are satisfied by an old session.
        expect((await failureOf(to(port, { session, servername: 'elsewhere.test' }))).code).to.equal(
          'ERR_TLS_CERT_ALTNAME_INVALID',
        );
        expect((await failureOf(to(port, { session, ca: identity('P-384').cert }))).code).to.equal(
          'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
        );
      });

      it('exports keying material as the server does', async () => {
        let theirs: TLSSocket | undefined;
        const ours = to(
          await serve({ ...limits }, (socket) => {
            theirs = socket;
            socket.once('data', () => socket.write('x'));
          }),
        );
        ours.write('go');
        await once(ours, 'data');
        for (const context of [undefined, Buffer.from('context')]) {
          for (const length of [16, 100]) {
            const expected = theirs?.exportKeyingMaterial(length, 'EXPORTER-test', context as Buffer);
            expect(ours.exportKeyingMaterial(length, 'EXPORTER-test', context).toString('hex')).to.equal(
              expected?.toString('hex'),
            );
          }
        }
        ours.destroy();
        await once(ours, 'close');
        expect(() => ours.exportKeyingMaterial(16, 'EXPORTER-test'))
          .to.throw()
          .with.property('code', 'ERR_TLS_INVALID_STATE');
      });
    });
  }

  it('emits events in the order of tls.connect, with the same connecting and secureConnecting', async () => {
    const socket = to(await serve({}));
    const events: unknown[] = [];
    for (const event of ['lookup', 'connect', 'ready', 'secureConnect', 'end', 'close']) {
      socket.on(event, () => events.push([event, socket.connecting, socket.secureConnecting]));
    }
    expect([socket.connecting, socket.secureConnecting]).to.deep.equal([true, true]);
    await once(socket, 'secureConnect');
    socket.end();
    socket.resume();
    await once(socket, 'close');
    expect(events).to.deep.equal([
      ['connect', false, true],
      ['ready', false, true],
      ['secureConnect', false, false],
      ['end', false, false],
      ['close', false, false],
    ]);
  });

  it('agrees on a protocol by ALPN, and has none where the server has none', async () => {
    const ALPNProtocols = ['h2', 'http/1.1'];
    const agreed = to(await serve({ ALPNProtocols: ['http/1.1'] }), { ALPNProtocols });
    await once(agreed, 'secureConnect');
    expect(agreed.alpnProtocol).to.equal('http/1.1');
    const none = to(await serve({}), { ALPNProtocols });
    await once(none, 'secureConnect');
    expect(none.alpnProtocol).to.equal(false);
    agreed.destroy();
    none.destroy();
  });

  it('asks for the name by SNI, and for none where the host is an address', async () => {
    const names: (string | false)[] = [];
    const port = await serve({}, (socket) => {
      names.push((socket as unknown as { servername: string | false }).servername);
      socket.end();
    });
    await readAll(to(port, { servername: 'localhost' }));
    await readAll(connect({ port, host: '127.0.0.1', ca: root.certificate }));
    await readAll(connect(port, 'localhost', { ca: root.certificate, family: 4 }));
    expect(names).to.deep.equal(['localhost', false, 'localhost']);
  });

  it('trusts what Node trusts where `ca` is not given', async () => {
    const { servername, ...rest } = { servername: 'localhost', port: await serve({}), host: '127.0.0.1' };
    expect((await failureOf(connect({ ...rest, servername }))).code).to.equal(
      'UNABLE_TO_GET_ISSUER_CERT_LOCALLY',
    );
  });

  it('fails as tls.connect if there is no server, or it does not speak TLS', async () => {
    const server = createTcpServer();
    const port = await listen(server);
    await close(server);
    expect(await failureOf(to(port))).to.include({ code: 'ECONNREFUSED', syscall: 'connect', port });
    const hangsUp = createTcpServer((socket) => socket.destroy());
    servers.push(hangsUp);
    expect((await failureOf(to(await listen(hangsUp)))).code).to.equal('ECONNRESET');
    const speaksHttp = createTcpServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    servers.push(speaksHttp);
    expect((await failureOf(to(await listen(speaksHttp)))).code).to.equal('ERR_S2N_PKEY_NOT_TLS');
  });

  it('gives up when it is destroyed, connecting or shaking hands, and times out', async () => {
    const silent = createTcpServer((socket) => socket.on('error', () => undefined).resume());
    servers.push(silent);
    const port = await listen(silent);
    const early = to(port);
    early.destroy();
    await once(early, 'close');
    const accepted = next<Socket>(silent, 'connection');
    const late = to(port);
    await once(late, 'connect');
    const peer = await accepted;
    late.destroy();
    peer.resume();
    await once(peer, 'close');
    const slow = to(port, { timeout: 20 });
    await once(slow, 'timeout');
    slow.destroy();
    const strict = await failureOf(to(port, { handshakeTimeout: 50 }));
    expect(strict.code).to.equal('ERR_TLS_HANDSHAKE_TIMEOUT');
  });

  it('secures a socket it is given, open or on its way, and any Duplex', async () => {
    const port = await serve({});
    const echoOver = async (socket: Socket | Duplex): Promise<string> => {
      const client = connect({ socket, servername: 'localhost', ca: root.certificate });
      client.end('hello');
      return (await readAll(client)).toString();
    };
    const open = connectTcp(port, '127.0.0.1');
    await once(open, 'connect');
    expect(await echoOver(open)).to.equal('hello');
    expect(await echoOver(connectTcp(port, '127.0.0.1'))).to.equal('hello');
    const tcp = connectTcp(port, '127.0.0.1');
    expect(await echoOver(Duplex.from({ readable: tcp, writable: tcp }))).to.equal('hello');
  });

  it('refuses a server name with a NUL, which would be cut there', () => {
    for (const [option, value] of [
      ['servername', 'good.example\0.evil.example'],
      ['host', 'good.example\0.evil.example'],
      ['ALPNProtocols', ['h2\0x']],
    ] as const) {
      expect(() => connect({ port: 1, [option]: value }), option)
        .to.throw(`${option}: expected`)
        .with.property('code', 'ERR_S2N_PKEY_INVALID_OPTION');
    }
  });

  it('refuses what it cannot do, by name', () => {
    const attempt = (options: object) => () => connect({ port: 1, ...options });
    for (const [name, value] of Object.entries({
      key: 'a key',
      pfx: Buffer.from('x'),
      ciphers: 'ALL',
      session: Buffer.from('not a session'),
      checkServerIdentity: 5,
      servername: 5,
      timeout: -1,
      handshakeTimeout: 1.5,
      rejectUnauthorized: 'no',
      secureContext: {},
      ALPNProtocols: 'h2',
      ca: 5,
      requestOCSP: 'yes',
    })) {
      expect(attempt({ [name]: value }), name)
        .to.throw(new RegExp(`^${name}: `))
        .with.property('code', 'ERR_S2N_PKEY_INVALID_OPTION');
    }
    expect(() => connect(undefined as unknown as ConnectOptions)).to.throw(/^options: /);
  });

  it('says that its signer failed', async () => {
    const own = identity('P-256');
    const signer = new AsynchronousSigner(own.key, () => Promise.reject(new Error('KMS is away')));
    const error = await failureOf(
      to(await serve({ requestCert: true, ca: own.cert }), { cert: own.cert, signer }),
    );
    expect(error.code).to.equal('ERR_S2N_PKEY_SIGNER');
    expect(error.message).to.match(/KMS is away/);
  });

  it('talks to a server of this package, certificates on both sides', async () => {
    const client = await root.issue({ name: 'a client', usage: 'client' });
    const server = createServer(
      {
        cert: site.cert,
        signer: new AsynchronousSigner(site.key),
        requestCert: true,
        ca: root.certificate,
      },
      (socket) => socket.end(socket.getPeerX509Certificate()?.subject ?? ''),
    );
    servers.push(server);
    const port = await listen(server);
    const socket = to(port, { cert: client.cert, signer: new LocalKeySigner({ key: client.key }) });
    expect((await readAll(socket)).toString()).to.equal('CN=a client');
    expect(socket.getX509Certificate()?.subject).to.equal('CN=a client');
    const [error] = (await once(to(port).resume(), 'error')) as [NodeJS.ErrnoException];
    expect(error).to.include({ code: 'ERR_S2N_PKEY_PEER_ALERT', alert: 116 });
  });

  describe('with a certificate whose key is in KMS', function () {
    this.timeout(60_000);
    const kinds: KeyKind[] = ['P-256', 'P-384', 'P-521', 'RSA-2048', 'RSA-3072', 'RSA-4096'];
    const sites = runningKmsSites(...kinds);
    for (const kind of kinds) {
      for (const version of versions) {
        it(`${kind}, over ${version}`, async () => {
          const { signer } = sites().site(kind);
          const { cert } = await root.issue({ name: kind, usage: 'client', publicKey: signer.publicKey });
          const limits = { minVersion: version, maxVersion: version };
          const port = await serve({ ...limits, requestCert: true, ca: root.certificate }, (socket) =>
            socket.end(`${String(socket.authorized)} ${socket.getProtocol() ?? ''}`),
          );
          const socket = to(port, { cert, signer });
          expect((await readAll(socket)).toString()).to.equal(`true ${version}`);
        });
      }
    }
  });
});
