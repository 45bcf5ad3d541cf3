import { once } from 'node:events';
import { createServer as createHttpsServer, request } from 'node:https';
import type { IncomingMessage } from 'node:http';
import type { Server } from 'node:net';
import { connect, createServer as createNodeServer, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import type { TlsSocket } from '../../lib/index.ts';
import {
  attach,
  createServer,
  LocalKeySigner,
  type TlsConnectionError,
  type TlsServerOptions,
} from '../../lib/index.ts';
import { Authority } from '../fixtures/authority.ts';
import { identity, type Identity } from '../fixtures/identity.ts';
import { close, listen, next, readAll } from '../fixtures/peers.ts';

const { key, cert } = identity('P-256');
const signer = new LocalKeySigner({ key });

/** What a server saw of one client. */
interface Seen {
  readonly socket?: TlsSocket;
  readonly error?: TlsConnectionError;
}

describe('a server that asks for client certificates', () => {
  let root: Authority;
  let intermediate: Authority;
  let client: Identity & { serialNumber: string };
  let server: Server | undefined;

  before(async () => {
    root = await Authority.create('Test root');
    intermediate = await root.intermediate('Test intermediate');
    client = await intermediate.issue({ name: 'client one', dns: ['client.test'], usage: 'client' });
  });

  afterEach(async () => {
    if (server?.listening) await close(server);
    server = undefined;
  });

  async function serve(options: Partial<TlsServerOptions>): Promise<number> {
    server = createServer({ cert, signer, requestCert: true, ca: root.certificate, ...options });
    return listen(server);
  }

  /** One connection of a node:tls client with this certificate, as the server sees it; what the client sees goes unheeded. */
  async function visit(port: number, options: ConnectionOptions): Promise<Seen> {
    const peer = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
    peer.on('error', () => undefined);
    const seen = await new Promise<Seen>((resolve) => {
      server?.once('secureConnection', (socket: TlsSocket) => resolve({ socket }));
      server?.once('tlsClientError', (error: TlsConnectionError, socket: TlsSocket) =>
        resolve({ error, socket }),
      );
    });
    seen.socket?.on('error', () => undefined).destroy();
    peer.destroy();
    return seen;
  }

  for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
    describe(`over ${maxVersion}`, () => {
      it('accepts a client whose certificate an authority of `ca` issued, and exposes that certificate', async () => {
        const port = await serve({});
        const { socket } = await visit(port, { ...client, maxVersion });
        expect(socket?.authorized).to.equal(true);
        expect(socket?.authorizationError).to.equal(null);
        expect(socket?.getProtocol()).to.equal(maxVersion);
        expect(socket?.getPeerX509Certificate()?.subject).to.equal('CN=client one');
        expect(socket?.getPeerCertificate().subjectaltname).to.equal('DNS:client.test');
      });

      it('refuses a client without one, with OpenSSL’s code and an alert', async () => {
        const port = await serve({});
        const { error, socket } = await visit(port, { maxVersion });
        expect(error?.code).to.equal('ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE');
        expect(socket).to.include({ destroyed: true, authorized: false });
        const alert = await alertSeenBy(port, { maxVersion });
        expect(alert).to.match(maxVersion === 'TLSv1.3' ? /alert number 116/ : /alert number 40/);
      });

      it('refuses one that does not verify, and sends the client an alert', async () => {
        const port = await serve({ ca: (await Authority.create('Another root')).certificate });
        const { error, socket } = await visit(port, { ...client, maxVersion });
        expect(error?.code).to.equal('UNABLE_TO_GET_ISSUER_CERT_LOCALLY');
        expect(error?.alert).to.equal(48);
        expect(socket?.getPeerX509Certificate()?.subject).to.equal('CN=client one');
        expect(await alertSeenBy(port, { ...client, maxVersion })).to.match(/unknown ca.*alert number 48/);
      });

      it('with rejectUnauthorized off, connects any client, and reports the reason', async () => {
        const port = await serve({ rejectUnauthorized: false });
        const nobody = await visit(port, { maxVersion });
        expect(nobody.socket).to.include({ authorized: false, authorizationError: 'UNSPECIFIED' });
        expect(nobody.socket?.getPeerCertificate()).to.deep.equal({});
        expect(nobody.socket?.getPeerX509Certificate()).to.equal(undefined);
        const stranger = await visit(port, { ...identity('P-384'), maxVersion });
        expect(stranger.socket).to.include({
          authorized: false,
          authorizationError: 'DEPTH_ZERO_SELF_SIGNED_CERT',
        });
        expect((await visit(port, { ...client, maxVersion })).socket?.authorized).to.equal(true);
      });
    });
  }

  it('names what is wrong with a certificate as node:tls names it', async () => {
    const other = await Authority.create('Unknown root');
    const revoked = await root.issue({ name: 'revoked' });
    const cases: [what: string, certificate: Identity, options: Partial<TlsServerOptions>][] = [
      ['expired', await root.issue({ name: 'old', validity: 'expired' }), {}],
      ['not valid yet', await root.issue({ name: 'early', validity: 'future' }), {}],
      ['only for servers', await root.issue({ name: 'server', usage: 'server' }), {}],
      ['of an unknown authority', await other.issue({ name: 'stranger' }), {}],
      [
        'of an unknown authority that is sent along',
        withRoot(await other.issue({ name: 'stranger' }), other),
        {},
      ],
      ['self-signed', identity('P-384'), {}],
      ['with a chain that lacks its intermediate', withoutChain(client), {}],
      ['revoked', revoked, { crl: await root.revocationList(revoked.serialNumber) }],
      [
        'not revoked',
        await root.issue({ name: 'fine' }),
        { crl: await root.revocationList(revoked.serialNumber) },
      ],
      ['of an authority without a list', client, { crl: await root.revocationList() }],
      ['under an intermediate that `ca` holds', client, { ca: intermediate.certificate }],
      [
        'under an intermediate that `ca` holds, and may',
        client,
        { ca: intermediate.certificate, allowPartialTrustChain: true },
      ],
      ['under no authority at all', client, { ca: [] }],
    ];
    for (const [what, certificate, options] of cases) {
      const port = await serve({ rejectUnauthorized: false, ...options });
      const { socket } = await visit(port, certificate);
      if (server) await close(server);
      const [authorized, reason] = await askNode(certificate, options);
      if ('allowPartialTrustChain' in options) {
        expect(socket?.authorized, what).to.equal(true); // Node 20's node:tls does not know it
        continue;
      }
      expect(socket?.authorizationError ?? null, what).to.equal(reason);
      expect(socket?.authorized, what).to.equal(authorized);
    }
  });

  it('shows the chain as node:tls does, up to the authority', async () => {
    const port = await serve({});
    const { socket } = await visit(port, client);
    const shown = socket?.getPeerCertificate(true);
    const expected = await new Promise<object>((resolve) => {
      void withNodeServer(client, { ca: root.certificate }, (peer) => resolve(peer.getPeerCertificate(true)));
    });
    expect(shown).to.deep.equal(expected);
    expect(shown?.issuerCertificate.subject.CN).to.equal('Test intermediate');
    expect(shown?.issuerCertificate.issuerCertificate.subject.CN).to.equal('Test root');
    expect(socket?.getPeerCertificate()).not.to.have.property('issuerCertificate');
  });

  it('shows its own certificate, too', async () => {
    const port = await serve({ rejectUnauthorized: false });
    const { socket } = await visit(port, {});
    expect(socket?.getX509Certificate()?.subject).to.equal('CN=localhost');
    expect(socket?.getCertificate()).to.have.property('subjectaltname').that.includes('DNS:localhost');
  });

  it('takes requestCert, rejectUnauthorized and ca from the server it is attached to', async () => {
    server = attach(
      createHttpsServer(
        { requestCert: true, ca: root.certificate, rejectUnauthorized: false },
        (req, res) => {
          const socket = req.socket as unknown as TlsSocket;
          res.end(`${String(socket.authorized)} ${socket.getPeerX509Certificate()?.subject ?? 'nobody'}`);
        },
      ),
      { cert, signer },
    );
    const port = await listen(server);
    const ask = async (certificate: Partial<Identity>): Promise<string> => {
      const outgoing = request({
        port,
        host: 'localhost',
        family: 4,
        agent: false,
        ...certificate,
        ca: cert,
      });
      outgoing.end();
      const [response] = (await once(outgoing, 'response')) as [IncomingMessage];
      return (await readAll(response)).toString();
    };
    expect(await ask({ cert: client.cert, key: client.key })).to.equal('true CN=client one');
    expect(await ask({})).to.equal('false nobody');
  });

  it('verifies each connection anew: a client never resumes its way past its certificate', async () => {
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const port = await serve({});
      const sockets: TlsSocket[] = [];
      server?.on('secureConnection', (socket: TlsSocket) => {
        sockets.push(socket);
        socket.end('x');
      });
      const first = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion, ...client });
      let session: Buffer | undefined;
      first.on('session', (ticket: Buffer) => (session = ticket));
      await readAll(first);
      session ??= first.getSession();
      const again = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion, session });
      again.on('error', () => undefined);
      again.resume();
      if (!server) throw new Error('no server');
      const error = await next<TlsConnectionError>(server, 'tlsClientError');
      expect(error.code, maxVersion).to.equal('ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE');
      expect(sockets.map((socket) => socket.isSessionReused())).to.deep.equal([false]);
      again.destroy();
      await close(server);
    }
  });

  it('refuses authorities and lists it cannot read, and options of the wrong type', () => {
    const attempt = (options: object) => () => createServer({ cert, signer, requestCert: true, ...options });
    expect(attempt({ ca: 'nonsense' }))
      .to.throw(/^ca: /)
      .with.property('code', 'ERR_S2N_PKEY_CA_INVALID');
    expect(attempt({ ca: root.certificate.replace('MII', 'XXX') })).to.throw(/^ca: .*certificate 1/);
    expect(attempt({ crl: 'nonsense' }))
      .to.throw(/^crl: /)
      .with.property('code', 'ERR_S2N_PKEY_CRL_INVALID');
    for (const name of ['ca', 'crl', 'requestCert', 'rejectUnauthorized', 'allowPartialTrustChain']) {
      expect(attempt({ [name]: 5 }), name)
        .to.throw(new RegExp(`^${name}: `))
        .with.property('code', 'ERR_S2N_PKEY_INVALID_OPTION');
    }
  });

  /** What OpenSSL tells a node:tls client of the alert that ended its connection. */
  async function alertSeenBy(port: number, options: ConnectionOptions): Promise<string> {
    const peer = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...options });
    peer.resume();
    const [error] = (await once(peer, 'error')) as [Error];
    return error.message;
  }

  /** The same handshake with a node:tls server. */
  async function askNode(
    certificate: Identity,
    options: Partial<TlsServerOptions>,
  ): Promise<[authorized: boolean, reason: string | null]> {
    const { ca = root.certificate, crl } = options as { ca?: string; crl?: string };
    return new Promise((resolve) => {
      void withNodeServer(certificate, { ca, crl }, (peer) => {
        const reason = peer.authorizationError as unknown as string | null;
        resolve([peer.authorized, reason ?? null]);
      });
    });
  }

  async function withNodeServer(
    certificate: Identity,
    options: { ca: string; crl?: string | undefined },
    look: (peer: TLSSocket) => void,
  ): Promise<void> {
    const node = createNodeServer(
      { key, cert, requestCert: true, rejectUnauthorized: false, ...options },
      (peer) => {
        look(peer);
        peer.end();
      },
    );
    const peer = connect({
      port: await listen(node),
      host: '127.0.0.1',
      rejectUnauthorized: false,
      key: certificate.key,
      cert: certificate.cert,
    });
    peer.resume();
    await once(peer, 'close');
    node.close();
  }
});

function withoutChain(certificate: Identity): Identity {
  return {
    ...certificate,
    cert: `${certificate.cert.split('-----END CERTIFICATE-----')[0] ?? ''}-----END CERTIFICATE-----\n`,
  };
}

function withRoot(certificate: Identity, authority: Authority): Identity {
  return { ...certificate, cert: `${certificate.cert}\n${authority.certificate}` };
}
