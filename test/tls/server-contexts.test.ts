import { EventEmitter, once } from 'node:events';
import { createServer as createHttpsServer } from 'node:https';
import { connect as connectTcp, type AddressInfo } from 'node:net';
import { createServer as createTlsServer, type ConnectionOptions } from 'node:tls';
import { expect } from 'chai';
import {
  attach,
  createSecureContext,
  createServer,
  LocalKeySigner,
  type S2nPkeyError,
  type TlsServer,
  type TlsSocket,
} from '../../lib/index.ts';
import { AsynchronousSigner } from '../fixtures/asynchronous-signer.ts';
import { clientHello } from '../fixtures/client-hello.ts';
import { identity, type KeyKind } from '../fixtures/identity.ts';
import { keptServers } from '../fixtures/kept-servers.ts';
import { close, connectTls, listen, next, readAll } from '../fixtures/peers.ts';
import { rejectionOf } from '../signers/rejection.ts';

/** A certificate for a name, and a signer that counts what it is asked. */
function site(name: string, kind: KeyKind = 'P-256'): { cert: string; signer: AsynchronousSigner } {
  const { key, cert } = identity(kind, name);
  return { cert, signer: new AsynchronousSigner(key) };
}

describe('Many certificates on one server', () => {
  const kept = keptServers();
  function serverOf(options: Parameters<typeof createServer>[0]): TlsServer {
    return kept(createServer(options, (socket) => socket.end()));
  }

  /** The common name in the certificate that a client is shown. */
  async function shown(port: number, options: ConnectionOptions): Promise<string> {
    const client = await connectTls(port, options);
    const { CN } = client.getPeerCertificate().subject;
    await readAll(client);
    return String(CN);
  }

  it('are chosen by the name that the client asks for, each signed for by its own signer', async () => {
    const [main, shop, any] = [site('main.example'), site('shop.example'), site('*.shop.example')];
    const server = serverOf(main);
    server.addContext('shop.example', shop);
    server.addContext('*.shop.example', createSecureContext(any));
    const port = await listen(server);
    const cases = [
      ['shop.example', 'shop.example'],
      ['SHOP.example', 'shop.example'],
      ['a.shop.example', '*.shop.example'],
      ['a.b.shop.example', 'main.example'],
      ['other.example', 'main.example'],
      ['', 'main.example'],
    ] as const;
    for (const protocol of ['TLSv1.2', 'TLSv1.3'] as const) {
      for (const [servername, expected] of cases) {
        const options = { servername, minVersion: protocol, maxVersion: protocol };
        expect(await shown(port, options), `${servername} ${protocol}`).to.equal(expected);
      }
    }
    const asked = [main, shop, any].map(({ signer }) => signer.operations.length);
    expect(asked).to.deep.equal([6, 4, 2]);
  });

  it('are changed while it serves: connections that are open or in their handshake keep what they have', async () => {
    const { key, cert } = identity('P-256', 'old.example');
    const asked = new EventEmitter();
    const slow: AsynchronousSigner = new AsynchronousSigner(key, async (operation) => {
      asked.emit('asked');
      await once(asked, 'answer');
      return slow.signRightly(operation);
    });
    const server = kept(createServer({ cert, signer: slow }, (socket) => socket.pipe(socket)));
    const port = await listen(server);
    const inHandshake = once(asked, 'asked');
    const opening = connectTls(port);
    await inHandshake;
    server.setSecureContext(site('new.example'));
    const fresh = await connectTls(port);
    expect(fresh.getPeerCertificate().subject.CN).to.equal('new.example');
    asked.emit('answer');
    const old = await opening;
    expect(old.getPeerCertificate().subject.CN).to.equal('old.example');
    for (const client of [old, fresh]) {
      client.end('still here');
      expect((await readAll(client)).toString()).to.equal('still here');
    }
  });

  it('replace one another under the same name, and leave the default as it is', async () => {
    const server = serverOf(site('main.example'));
    server.addContext('a.example', site('first.example'));
    const port = await listen(server);
    expect(await shown(port, { servername: 'a.example' })).to.equal('first.example');
    server.addContext('A.example.', site('second.example'));
    expect(await shown(port, { servername: 'a.example' })).to.equal('second.example');
    server.setSecureContext(site('other.example'));
    expect(await shown(port, { servername: 'a.example' })).to.equal('second.example');
    expect(await shown(port, { servername: 'b.example' })).to.equal('other.example');
  });

  it('have policies of their own', async () => {
    const server = serverOf(site('main.example'));
    server.addContext('new.example', { ...site('new.example'), securityPolicy: '20250414' });
    const port = await listen(server);
    expect(await shown(port, { servername: 'old.example', maxVersion: 'TLSv1.2' })).to.equal('main.example');
    const failed = once(server, 'tlsClientError');
    const error = await connectTls(port, { servername: 'new.example', maxVersion: 'TLSv1.2' }).catch(
      (reason: unknown) => reason,
    );
    expect(error).to.be.an('error');
    const [reason] = (await failed) as [S2nPkeyError & { reason: string }];
    expect(reason.reason).to.equal('S2N_ERR_PROTOCOL_VERSION_UNSUPPORTED');
    expect(await shown(port, { servername: 'new.example' })).to.equal('new.example');
  });

  it('speak the protocols (ALPN) of the server, whichever is chosen', async () => {
    const server = serverOf({ ...site('main.example'), ALPNProtocols: ['echo/1'] });
    server.addContext('a.example', site('a.example'));
    const port = await listen(server);
    const secure = next<TlsSocket>(server, 'secureConnection');
    const client = await connectTls(port, { servername: 'a.example', ALPNProtocols: ['other', 'echo/1'] });
    expect(client.alpnProtocol).to.equal('echo/1');
    expect((await secure).servername).to.equal('a.example');
    await readAll(client);
    const failed = once(server, 'tlsClientError');
    await rejectionOf(connectTls(port, { servername: 'a.example', ALPNProtocols: ['other'] }));
    const [reason] = (await failed) as [{ alert: number }];
    expect(reason.alert).to.equal(120);
  });

  it('of RSA and ECDSA stand side by side for one name, and each client is shown the one that suits it', async () => {
    const [ecdsa, rsa] = [site('localhost'), site('localhost', 'RSA-2048')];
    for (const options of [{ identities: [ecdsa, rsa] }, { ...rsa, identities: [ecdsa] }]) {
      const server = serverOf(options);
      const port = await listen(server);
      for (const protocol of ['TLSv1.2', 'TLSv1.3'] as const) {
        const counted = [ecdsa, rsa].map(({ signer }) => signer.operations.length);
        for (const [sigalgs, type] of [
          ['ECDSA+SHA256', 'ec'],
          ['rsa_pss_rsae_sha256', 'rsa'],
        ] as const) {
          const client = await connectTls(port, { sigalgs, minVersion: protocol, maxVersion: protocol });
          const x509 = client.getPeerX509Certificate();
          expect(x509?.publicKey.asymmetricKeyType, `${sigalgs} ${protocol}`).to.equal(type);
          await readAll(client);
        }
        const more = [ecdsa, rsa].map(({ signer }, i) => signer.operations.length - (counted[i] ?? 0));
        expect(more).to.deep.equal([1, 1]);
      }
      await close(server);
    }
  });

  it("of RSA and ECDSA: a client of TLS 1.2 without the ECDSA key's curve or scheme is shown RSA, as by node:tls", async () => {
    const [ecdsa, rsa] = [identity('P-384'), identity('RSA-2048')];
    const identities = [ecdsa, rsa].map(({ cert, key }) => ({ cert, signer: new LocalKeySigner({ key }) }));
    const ours = await listen(serverOf({ identities }));
    const ciphers = 'ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256';
    const theirs = createTlsServer(
      { cert: [ecdsa.cert, rsa.cert], key: [ecdsa.key, rsa.key], honorCipherOrder: false },
      (socket) => socket.end('answer'),
    );
    const port = await listen(kept(theirs));
    for (const [options, type] of [
      [{ ecdhCurve: 'P-256:P-384' }, 'ec'],
      [{ ecdhCurve: 'P-256' }, 'rsa'],
      [{ ecdhCurve: 'X25519:P-521' }, 'rsa'],
      [{ ecdhCurve: 'P-384', sigalgs: 'RSA+SHA256:rsa_pss_rsae_sha256' }, 'rsa'],
    ] as const) {
      const shown = [];
      for (const each of [ours, port]) {
        const client = await connectTls(each, { maxVersion: 'TLSv1.2', ciphers, ...options });
        shown.push(client.getPeerX509Certificate()?.publicKey.asymmetricKeyType);
        await readAll(client);
      }
      expect(shown, JSON.stringify(options)).to.deep.equal([type, type]);
    }
    // In TLS 1.3 the signature schemes alone decide (RFC 8446 §4.2.3).
    const client = await connectTls(ours, { ecdhCurve: 'P-256', minVersion: 'TLSv1.3' });
    expect(client.getPeerX509Certificate()?.publicKey.asymmetricKeyType).to.equal('ec');
    await readAll(client);
  });

  it('are signed for on the engine thread where the key is local, beside one that is not', async () => {
    const { key, cert } = identity('RSA-2048');
    const remote = site('localhost');
    const server = serverOf({ cert, signer: new LocalKeySigner({ key }), identities: [remote] });
    const port = await listen(server);
    await readAll(await connectTls(port, { sigalgs: 'rsa_pss_rsae_sha256' }));
    expect(remote.signer.operations).to.have.lengthOf(0);
    await readAll(await connectTls(port, { sigalgs: 'ECDSA+SHA256' }));
    expect(remote.signer.operations).to.have.lengthOf(1);
  });

  it('are for whole names: one with a NUL in it is refused, by node:tls as well, and not served as what is before it', async () => {
    const server = serverOf(site('main.example'));
    server.addContext('a.example', site('a.example'));
    const { key, cert } = identity('P-256');
    const theirs = kept(createTlsServer({ key, cert }));
    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      const hello = await clientHello({ servername: 'a.exampleX.other', maxVersion });
      hello[hello.indexOf('X.other')] = 0;
      for (const each of [server, theirs]) {
        if (!each.listening) await listen(each);
        const failed = once(each, 'tlsClientError');
        const { port } = each.address() as AddressInfo;
        const client = connectTcp({ port, host: '127.0.0.1' });
        client.write(hello);
        const answer = await readAll(client);
        // An alert: fatal, unrecognized_name (RFC 6066 §3).
        const [type, , , , , level, description] = answer.subarray(-7);
        expect([type, level]).to.deep.equal([21, 2]);
        // OpenSSL 3.5 says decode_error.
        expect(description).to.be.oneOf(each === server ? [112] : [112, 50]);
        const [error] = (await failed) as [S2nPkeyError];
        if (each === server) expect(error).to.include({ code: 'ERR_S2N_PKEY_PROTOCOL', alert: 112 });
      }
    }
  });

  it('are added to and changed on attached servers by the same methods', async () => {
    const https = createHttpsServer((_req, res) => res.end());
    for (const server of [createTlsServer((socket) => socket.end()), https]) {
      const attached = kept(attach(server, site('main.example')));
      const port = await listen(attached);
      attached.addContext('a.example', site('a.example'));
      attached.setSecureContext(site('new.example'));
      for (const [servername, expected] of [
        ['a.example', 'a.example'],
        ['b.example', 'new.example'],
      ] as const) {
        const client = await connectTls(port, { servername });
        expect(client.getPeerCertificate().subject.CN).to.equal(expected);
        client.destroy();
      }
      await close(attached);
    }
  });

  it('are refused at once, by name, where something does not fit; what was there stays', async () => {
    const server = serverOf(site('main.example'));
    const [a, b] = [site('a.example'), site('b.example')];
    const { key, cert } = identity('P-256', 'c.example');
    const refusals: [string, () => unknown, string, RegExp][] = [
      [
        'a certificate for another key',
        () => server.addContext('a.example', { cert: a.cert, signer: b.signer }),
        'ERR_S2N_PKEY_KEY_MISMATCH',
        /another key/,
      ],
      [
        'the same among several',
        () => server.setSecureContext({ ...a, identities: [{ ...site('x', 'RSA-2048'), signer: b.signer }] }),
        'ERR_S2N_PKEY_KEY_MISMATCH',
        /another key/,
      ],
      [
        'two for one kind of key',
        () => createSecureContext({ identities: [a, b] }),
        'ERR_S2N_PKEY_INVALID_OPTION',
        /^identities: .*two for ECDSA/,
      ],
      [
        'an incomplete one among several',
        () => createSecureContext({ identities: [a, { cert } as typeof a] }),
        'ERR_S2N_PKEY_INVALID_OPTION',
        /^identities\[1\]\.signer:/,
      ],
      [
        'a key',
        () => server.setSecureContext({ key, cert } as object),
        'ERR_S2N_PKEY_INVALID_OPTION',
        /^key:.*signer/,
      ],
      [
        'a policy that does not suit it',
        () => server.addContext('a.example', { ...a, securityPolicy: 'rfc9151' }),
        'ERR_S2N_PKEY_SECURITY_POLICY',
        /rfc9151/,
      ],
      ['no name', () => server.addContext('', a), 'ERR_TLS_REQUIRED_SERVER_NAME', /name/],
      [
        'a star within a label',
        () => server.addContext('w*.example', a),
        'ERR_S2N_PKEY_INVALID_OPTION',
        /^hostname:.*w\*\.example/,
      ],
      [
        'one that is not at the front',
        () => server.addContext('a.*.example', a),
        'ERR_S2N_PKEY_INVALID_OPTION',
        /^hostname:/,
      ],
    ];
    for (const [what, attempt, code, message] of refusals) {
      expect(attempt, what).to.throw(message).with.property('code', code);
    }
    expect(await shown(await listen(server), { servername: 'a.example' })).to.equal('main.example');
  });
});
