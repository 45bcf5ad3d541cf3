import { execFile } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createHttpsServer } from 'node:https';
import { connect as connectTcp, createServer as createTcpServer, type Server } from 'node:net';
import tls from 'node:tls';
import { promisify } from 'node:util';
import { expect } from 'chai';
import {
  attach,
  connect,
  createSecureContext,
  createServer,
  LocalKeySigner,
  type TlsServer,
  type TlsServerOptions,
} from '../../lib/index.ts';
import { Authority } from '../fixtures/authority.ts';
import { needs } from '../fixtures/needs.ts';
import { identity } from '../fixtures/identity.ts';
import { keptServers } from '../fixtures/kept-servers.ts';
import { outcomeOf } from '../fixtures/outcome.ts';
import { close, connectTls, listen, next, readAll } from '../fixtures/peers.ts';
import { tcpOptionsTo } from '../fixtures/tcp-options.ts';

const { key, cert } = identity('P-256');
const signer = new LocalKeySigner({ key });

const derOf = (pem: string): Buffer => new X509Certificate(pem).raw;

describe('an option that is taken as node:tls takes it', () => {
  const kept = keptServers();
  needs('openssl');
  needs('python3');
  const serve = (options: Partial<TlsServerOptions> = {}): TlsServer =>
    kept(
      createServer({ cert, signer, ...options }, (socket) => {
        socket.on('error', () => undefined).end('hello');
      }),
    );

  describe('ALPNProtocols in their wire format, or names as bytes', () => {
    const wire = Buffer.from('\x05one/1\x05two/2');
    const forms: [string, TlsServerOptions['ALPNProtocols']][] = [
      ['a Buffer', wire],
      ['a DataView', new DataView(wire.buffer, wire.byteOffset, wire.byteLength)],
      ['an array of Buffers', [Buffer.from('one/1'), Buffer.from('two/2')]],
    ];
    for (const [form, ALPNProtocols] of forms) {
      it(`${form}: of a server, and of a client`, async () => {
        const server = serve(ALPNProtocols ? { ALPNProtocols } : {});
        const port = await listen(server);
        expect(await outcomeOf(port, { ALPNProtocols: ['two/2'] })).to.include({ alpn: 'two/2' });
        expect(await outcomeOf(port, { ALPNProtocols: ['three'] })).to.equal('refused');
        const client = connect({
          ...{ port, host: '127.0.0.1', ca: cert, servername: 'localhost' },
          ...(ALPNProtocols ? { ALPNProtocols } : {}),
        });
        await once(client, 'secureConnect');
        expect(client.alpnProtocol).to.equal('one/1');
        await readAll(client);
      });
    }

    it('is refused by name where it is cut off, empty or no text', () => {
      for (const bytes of ['\x05one', '\x00', '\x01\xff']) {
        expect(() => serve({ ALPNProtocols: Buffer.from(bytes, 'latin1') })).to.throw(/^ALPNProtocols: /);
      }
    });
  });

  it('cert as an array: a chain, or its texts one by one, whatever their order', async () => {
    const root = await Authority.create('Array root');
    const intermediate = await root.intermediate('Array intermediate');
    const leaf = await intermediate.issue({ name: 'localhost', dns: ['localhost'] });
    const [own = ''] = leaf.cert.split('\n-----BEGIN').slice(0, 1);
    const forms = [
      [leaf.cert],
      [own, intermediate.certificate],
      [Buffer.from(intermediate.certificate), own],
    ];
    for (const chain of forms) {
      const port = await listen(serve({ cert: chain, signer: new LocalKeySigner({ key: leaf.key }) }));
      const client = await connectTls(port, { ca: root.certificate, rejectUnauthorized: true });
      expect(client.authorized).to.equal(true);
      await readAll(client);
    }
    const two = [cert, identity('RSA-2048').cert];
    expect(() => serve({ cert: two })).to.throw(/^cert: expected the texts of one chain.*`identities`/);
    expect(() => serve({ cert: [] })).to.throw(/^cert: /);
  });

  it('a client’s max_fragment_length: records are as short as it asks', async () => {
    const long = 'x'.repeat(5000);
    const server = kept(
      createServer({ cert, signer }, (socket) =>
        socket
          .on('error', () => undefined)
          .resume()
          .end(long),
      ),
    );
    const port = await listen(server);
    for (const protocol of ['-tls1_2', '-tls1_3']) {
      const lengths: number[] = [];
      const relay = kept(relayTo(port, lengths));
      const running = promisify(execFile)('openssl', [
        ...['s_client', '-connect', `127.0.0.1:${await listen(relay)}`, '-maxfraglen', '512', protocol],
        ...['-ign_eof', '-quiet'],
      ]);
      running.child.stdin?.end();
      const { stdout } = await running;
      expect(stdout).to.contain(long);
      // What a record holds beside 512 bytes: a nonce or a type, and the cipher's tag.
      expect(Math.max(...lengths)).to.be.at.most(512 + 8 + 16);
    }
  });

  it('noDelay: false of a client, from its options and before it is connected', async () => {
    const forms: [boolean | undefined, boolean | undefined, number][] = [
      [undefined, undefined, 1],
      [false, undefined, 0],
      [undefined, false, 0],
      [false, true, 1],
    ];
    for (const [option, call, expected] of forms) {
      const server = kept(createServer({ cert, signer }, (socket) => socket.on('error', () => undefined)));
      const port = await listen(server);
      const noDelay = option === undefined ? {} : { noDelay: option };
      const client = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: cert, ...noDelay });
      if (call !== undefined) client.setNoDelay(call);
      await once(client, 'secureConnect');
      const { noDelay: ofTcp } = await tcpOptionsTo(port);
      expect(ofTcp, `option ${option}, call ${call}`).to.equal(expected);
      client.resume().end();
      await once(client, 'close');
    }
  });

  describe("'OCSPRequest'", () => {
    // Any SEQUENCE: who asked judges it.
    const response = Buffer.from('30030a0101', 'hex');
    const another = Buffer.from('30030a0102', 'hex');
    type Answer = (error: Error | null, response?: unknown) => void;

    async function staple(port: number, options: tls.ConnectionOptions = {}): Promise<Buffer | null> {
      const socket = tls.connect({
        ...{ port, host: '127.0.0.1', servername: 'localhost', requestOCSP: true },
        ...{ rejectUnauthorized: false, ...options },
      });
      const given = next<Buffer | null>(socket, 'OCSPResponse');
      await once(socket, 'secureConnect');
      await readAll(socket);
      return given;
    }

    for (const maxVersion of ['TLSv1.2', 'TLSv1.3'] as const) {
      it(`is emitted with the certificate, and its answer is stapled, over ${maxVersion}`, async () => {
        const root = await Authority.create('OCSP root');
        const intermediate = await root.intermediate('OCSP intermediate');
        const leaf = await intermediate.issue({ name: 'localhost', dns: ['localhost'] });
        const answers: (Buffer | null)[] = [response, response, another, null];
        const seen: unknown[] = [];
        const onRequest = (certificate: Buffer, issuer: Buffer | null, answer: Answer): void => {
          seen.push([certificate, issuer]);
          setImmediate(answer, null, answers[seen.length - 1]);
        };
        const own = serve({ cert: leaf.cert, signer: new LocalKeySigner({ key: leaf.key }) });
        const nodes = kept(
          tls.createServer({ key: leaf.key, cert: leaf.cert }, (socket) => {
            socket.on('error', () => undefined).end('hello');
          }),
        );
        for (const server of [own, nodes] as Server[]) {
          seen.length = 0;
          const port = await listen(server);
          expect(await outcomeOf(port, { maxVersion })).to.include({ protocol: maxVersion });
          server.on('OCSPRequest', onRequest);
          for (const expected of answers) {
            expect(await staple(port, { maxVersion })).to.deep.equal(expected);
          }
          await outcomeOf(port, { maxVersion }); // It does not ask.
          expect(seen).to.have.lengthOf(answers.length);
          expect(seen[0]).to.deep.equal([leaf.cert, intermediate.certificate].map(derOf));
          server.off('OCSPRequest', onRequest);
          expect(await staple(port, { maxVersion })).to.equal(null);
        }
      });
    }

    it('is asked for the context of the name, beside ALPN and requestCert, on servers attached to', async () => {
      const shop = identity('P-384', '*.shop.example');
      const server = kept(attach(createHttpsServer({ requestCert: true, ca: cert }), { cert, signer }));
      server.removeAllListeners('secureConnection');
      server.on('secureConnection', (socket: tls.TLSSocket) => {
        socket.on('error', () => undefined).end('hello');
      });
      server.addContext('*.shop.example', {
        cert: shop.cert,
        signer: new LocalKeySigner({ key: shop.key }),
      } as object);
      const asked: string[] = [];
      server.on('OCSPRequest', (certificate: Buffer, _issuer: Buffer | null, answer: Answer) => {
        asked.push(new X509Certificate(certificate).subject);
        answer(null, response);
      });
      const port = await listen(server);
      const visitor = { key, cert, ALPNProtocols: ['http/1.1'] };
      expect(await staple(port, { ...visitor, servername: 'A.shop.example' })).to.deep.equal(response);
      expect(await staple(port, { ...visitor, servername: 'other.example' })).to.deep.equal(response);
      expect(asked).to.deep.equal(['CN=*.shop.example', 'CN=localhost']);
      expect(await outcomeOf(port, { ALPNProtocols: ['http/1.1'] })).to.equal('refused'); // It shows none.
    });

    it('is asked about what SNICallback chose, and about each of several certificates', async () => {
      const rsa = identity('RSA-2048');
      const rsaSigner = new LocalKeySigner({ key: rsa.key });
      const context = createSecureContext({
        cert,
        signer,
        identities: [{ cert: rsa.cert, signer: rsaSigner }],
      });
      const server = serve({ SNICallback: (_name, done) => done(null, context) });
      server.on('OCSPRequest', (certificate: Buffer, _issuer: Buffer | null, answer: Answer) => {
        const { publicKey } = new X509Certificate(certificate);
        answer(null, publicKey.asymmetricKeyType === 'rsa' ? another : response);
      });
      const port = await listen(server);
      expect(await staple(port)).to.deep.equal(response);
      expect(await staple(port, { sigalgs: 'rsa_pss_rsae_sha256' })).to.deep.equal(another);
    });

    it('ends the handshake where a listener fails, and says so', async () => {
      const failures: [(answer: Answer) => void, RegExp][] = [
        [(answer) => answer(new Error('no responder')), /no responder/],
        [
          () => {
            throw new Error('thrown');
          },
          /thrown/,
        ],
        [(answer) => answer(null, 'text'), /OCSPRequest.*a Buffer/],
        [(answer) => answer(null, Buffer.from('text')), /OCSPRequest.*ocspResponse/],
      ];
      for (const [fail, message] of failures) {
        const server = serve();
        server.on('OCSPRequest', (_certificate: Buffer, _issuer: Buffer | null, answer: Answer) =>
          fail(answer),
        );
        const port = await listen(server);
        const told = next<Error>(server, 'tlsClientError');
        expect(await outcomeOf(port, { requestOCSP: true } as tls.ConnectionOptions)).to.equal('refused');
        expect((await told).message).to.match(message);
        await close(server);
      }
    });
  });
});

/** Passes bytes on to a port, and notes how long the records of application data are that come back. */
function relayTo(port: number, lengths: number[]): Server {
  return createTcpServer((client) => {
    const server = connectTcp(port, '127.0.0.1');
    let rest = Buffer.alloc(0);
    server.on('data', (chunk: Buffer) => {
      rest = Buffer.concat([rest, chunk]);
      while (rest.length >= 5 && rest.length >= 5 + rest.readUInt16BE(3)) {
        const length = rest.readUInt16BE(3);
        if (rest[0] === 23) lengths.push(length);
        rest = rest.subarray(5 + length);
      }
    });
    client.on('error', () => undefined).on('close', () => server.destroy());
    server.on('error', () => undefined).on('close', () => client.destroy());
    client.pipe(server).pipe(client);
  });
}
