import { randomBytes, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTcp, createServer as createTcpServer, type Socket } from 'node:net';
import { connect as connectNode, createServer as createNodeServer } from 'node:tls';
import { expect } from 'chai';
import {
  connect,
  createServer,
  LocalKeySigner,
  type TlsConnectionError,
  type TlsServer,
} from '../../lib/index.ts';
import { Authority } from '../fixtures/authority.ts';
import { clientHello } from '../fixtures/client-hello.ts';
import type { Identity } from '../fixtures/identity.ts';
import { keptServers } from '../fixtures/kept-servers.ts';
import { listen } from '../fixtures/peers.ts';

describe('a peer whose certificate has an Ed25519 key', () => {
  const kept = keptServers();
  let root: Authority;
  let site: Identity;
  let peer: Identity;

  before(async () => {
    root = await Authority.create('Root');
    site = await root.issue({ name: 'localhost', dns: ['localhost'] });
    peer = await root.issue({ name: 'localhost', dns: ['localhost'], key: 'Ed25519' });
  });

  function serve(rejectUnauthorized: boolean): TlsServer {
    const signer = new LocalKeySigner({ key: site.key });
    const ca = root.certificate;
    return kept(createServer({ cert: site.cert, signer, requestCert: true, rejectUnauthorized, ca }));
  }

  it('of a server fails the client with ERR_S2N_PKEY_PEER_KEY', async () => {
    const server = kept(
      createTcpServer((socket) => {
        socket.on('error', () => undefined);
        socket.once('data', () => socket.write(Buffer.concat([serverHello(), certificateOf(peer)])));
      }),
    );
    const to = {
      port: await listen(server),
      host: '127.0.0.1',
      servername: 'localhost',
      ca: root.certificate,
    };
    for (const rejectUnauthorized of [true, false]) {
      const client = connect({ ...to, rejectUnauthorized });
      const [error] = (await once(client, 'error')) as [TlsConnectionError];
      expect(error.code).to.equal('ERR_S2N_PKEY_PEER_KEY');
      expect(error.message).to.match(
        /the peer's certificate has an Ed25519 key.*unsupported_certificate \(43\)/,
      );
    }
  });

  it('of a client fails the server with ERR_S2N_PKEY_PEER_KEY, and the client gets the alert', async () => {
    const hello = await clientHello({ maxVersion: 'TLSv1.2' });
    for (const rejectUnauthorized of [true, false]) {
      const server = serve(rejectUnauthorized);
      const failed = once(server, 'tlsClientError') as Promise<[TlsConnectionError]>;
      const client = connectTcp(await listen(server), '127.0.0.1');
      client.write(hello);
      await until(client, (bytes) => bytes.subarray(-4).equals(serverHelloDone));
      client.write(certificateOf(peer));
      const alert = await until(client, (bytes) => bytes[0] === 21);
      expect([...alert.subarray(5, 7)]).to.deep.equal([2, 43]);
      const [error] = await failed;
      expect(error.code).to.equal('ERR_S2N_PKEY_PEER_KEY');
      expect(error.message).to.contain("the peer's certificate has an Ed25519 key");
      client.destroy();
    }
  });

  for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
    it(`that the peer does not show, because no one asks for this kind, is named as a possible reason, over ${version}`, async () => {
      const ours = serve(true);
      const failed = once(ours, 'tlsClientError') as Promise<[TlsConnectionError]>;
      const to = { host: '127.0.0.1', servername: 'localhost', rejectUnauthorized: false };
      const { key, cert } = peer;
      const theirs = connectNode({ ...to, port: await listen(ours), key, cert, maxVersion: version });
      theirs.on('error', () => undefined).resume();
      const [missing] = await failed;
      expect(missing.code).to.equal('ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE');
      expect(missing.message).to.match(/^peer did not return a certificate .*Ed25519/);
      theirs.destroy();

      const server = createNodeServer({ key, cert, maxVersion: version }).on(
        'tlsClientError',
        () => undefined,
      );
      const client = connect({ ...to, port: await listen(kept(server)) });
      const [refused] = (await once(client, 'error')) as [TlsConnectionError];
      expect(refused.code).to.equal('ERR_S2N_PKEY_PEER_ALERT');
      expect(refused.message).to.match(/shares no .*signature scheme.*Ed25519.*handshake_failure \(40\)/);
    });
  }
});

const serverHelloDone = Buffer.from([14, 0, 0, 0]);

/** A handshake message of TLS 1.2 in a record. */
function message(type: number, body: Buffer): Buffer {
  const header = Buffer.from([22, 3, 3, 0, 0, type, 0, 0, 0]);
  header.writeUInt16BE(body.length + 4, 3);
  header.writeUIntBE(body.length, 6, 3);
  return Buffer.concat([header, body]);
}

/** One that takes ECDHE-ECDSA-AES128-GCM-SHA256. */
function serverHello(): Buffer {
  return message(2, Buffer.concat([Buffer.from([3, 3]), randomBytes(32), Buffer.from([0, 0xc0, 0x2b, 0])]));
}

function certificateOf({ cert }: Identity): Buffer {
  const der = new X509Certificate(cert).raw;
  const lengths = Buffer.alloc(6);
  lengths.writeUIntBE(der.length + 3, 0, 3);
  lengths.writeUIntBE(der.length, 3, 3);
  return message(11, Buffer.concat([lengths, der]));
}

/** What has come from now on, once it is so. */
async function until(socket: Socket, so: (bytes: Buffer) => boolean): Promise<Buffer> {
  let bytes = Buffer.alloc(0);
  while (!so(bytes)) {
    const [chunk] = (await once(socket, 'data')) as [Buffer];
    bytes = Buffer.concat([bytes, chunk]);
  }
  return bytes;
}
