import { createHash, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createConnection } from 'node:net';
import { createServer as createNodeServer, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import {
  connect,
  createSelfSignedCertificate,
  createServer,
  type TlsConnectionError,
  type TlsServerOptions,
  type TlsSocket,
} from '../../../lib/index.ts';
import { certificateVerifyContent, roleOfContent } from '../../../lib/signers/certificate-verify.ts';
import type { PrivateKeyOperation, Signer } from '../../../lib/signers/signer.ts';
import { encodeFrame, FrameReader, frameType, jsonOf } from '../../../lib/signers/socket/framing.ts';
import { localSigner } from '../../certificate/signers.ts';
import { outcomeOf } from '../../fixtures/outcome.ts';
import { close, listen } from '../../fixtures/peers.ts';
import { Random, testSeed } from '../../fixtures/random.ts';
import { when } from '../../fixtures/when.ts';
import { keyPair, privateKeyPem, type KeyName } from '../key-pairs.ts';
import { rejectionOf } from '../rejection.ts';
import { verifiesUnder } from '../verify-signature.ts';
import { asked, hello, message, sockets } from './sockets.ts';

const refused = 'ERR_S2N_PKEY_SOCKET_SIGNER_NOT_A_HANDSHAKE';

/** Signs by another signer, and keeps what it was asked for. */
class Witness implements Signer {
  readonly publicKey;
  readonly schemes;
  readonly asked: PrivateKeyOperation[] = [];
  readonly #inner;

  constructor(key: KeyName) {
    this.#inner = localSigner(key);
    this.publicKey = this.#inner.publicKey;
    this.schemes = this.#inner.schemes;
  }

  sign(operation: PrivateKeyOperation): Promise<Uint8Array> {
    this.asked.push(operation);
    return this.#inner.sign(operation);
  }

  /** The side of each handshake that it was asked to sign. */
  get roles(): (string | undefined)[] {
    return this.asked.map(({ content }) => content && roleOfContent(content));
  }
}

const certificateOf = (key: KeyName): Promise<string> =>
  createSelfSignedCertificate({ signer: localSigner(key), subject: { CN: 'localhost' } });

function handshakeOf(role: 'server' | 'client', length = 32): Buffer {
  const content = certificateVerifyContent(
    role,
    createHash('sha384').update(role).digest().subarray(0, length),
  );
  if (content === undefined) throw new Error('no content');
  return content;
}

/** A request of the protocol for this content. */
function frameOf(id: number, content: Uint8Array, scheme = 0x0403): Buffer {
  return encodeFrame(
    frameType.signHandshake,
    id,
    Buffer.concat([Buffer.of(scheme >> 8, scheme & 255), content]),
  );
}

describe('serveSigner({ handshakesOnly })', () => {
  const at = sockets();

  async function serve(options: Partial<TlsServerOptions>, key: KeyName = 'P-256'): Promise<number> {
    const server = createServer({ cert: await certificateOf(key), signer: await at.open(), ...options });
    server.on('secureConnection', (socket: TlsSocket) => socket.end('hello'));
    server.on('tlsClientError', (error: TlsConnectionError) => errors.push(error));
    servers.push(server);
    return listen(server);
  }
  const servers: ReturnType<typeof createServer>[] = [];
  const errors: TlsConnectionError[] = [];
  afterEach(async () => {
    errors.length = 0;
    for (const server of servers.splice(0)) await close(server);
  });

  for (const key of ['P-256', 'P-384', 'RSA-2048'] as const) {
    for (const ciphers of ['TLS_AES_128_GCM_SHA256', 'TLS_AES_256_GCM_SHA384']) {
      it(`signs for a server of TLS 1.3 with ${key} and ${ciphers}, and sees that it is a server`, async () => {
        const witness = new Witness(key);
        await at.serve({ signer: witness, handshakesOnly: true });
        const outcome = await outcomeOf(await serve({}, key), { ciphers });
        expect(outcome).to.include({ protocol: 'TLSv1.3', cipher: ciphers });
        expect(witness.roles).to.deep.equal(['server']);
      });
    }
  }

  it('signs for a client with a certificate, and sees that it is a client', async () => {
    const witness = new Witness('P-256');
    await at.serve({ signer: witness, handshakesOnly: true });
    const cert = await certificateOf('P-256');
    const key = privateKeyPem(keyPair('P-256'));
    const server = createNodeServer({ key, cert, requestCert: true, rejectUnauthorized: false });
    const port = await listen(server);
    const seen = once(server, 'secureConnection');
    const client = connect({
      port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      cert,
      signer: await at.open(),
    });
    client.on('error', (error) => server.emit('error', error));
    const [socket] = (await seen) as [TLSSocket];
    expect(socket.getProtocol()).to.equal('TLSv1.3');
    expect(socket.getPeerX509Certificate()?.toString()).to.equal(new X509Certificate(cert).toString());
    expect(witness.roles).to.deep.equal(['client']);
    socket.destroy();
    client.destroy();
    await close(server);
  });

  it('refuses handshakes of TLS 1.2 with one code, and signs the next of TLS 1.3', async () => {
    const witness = new Witness('P-256');
    await at.serve({ signer: witness, handshakesOnly: true });
    const port = await serve({});
    expect(await outcomeOf(port, { maxVersion: 'TLSv1.2' })).to.equal('refused');
    // The client may learn of it first.
    const [error] = await when(
      'the error of the server',
      () => errors,
      (all) => all.length > 0,
    );
    expect(error).to.include({ code: refused });
    expect(error?.message).to.include("set minVersion: 'TLSv1.3'");
    expect(witness.asked).to.deep.equal([]);
    expect(await outcomeOf(port, {})).to.include({ protocol: 'TLSv1.3' });
  });

  it('refuses any digest, and so certificates', async () => {
    const witness = new Witness('P-256');
    await at.serve({ signer: witness, handshakesOnly: true });
    const client = await at.open();
    expect(await rejectionOf(client.sign(asked))).to.include({ code: refused });
    const certificate = createSelfSignedCertificate({ signer: client, subject: { CN: 'localhost' } });
    expect(await rejectionOf(certificate)).to.include({ code: refused });
    expect(witness.asked).to.deep.equal([]);
  });

  it('refuses a content that the digest was not made from, before anything is sent', async () => {
    const witness = new Witness('P-256');
    await at.serve({ signer: witness, handshakesOnly: true });
    const client = await at.open();
    for (const content of [handshakeOf('server'), Buffer.alloc(0), message.subarray(1)]) {
      const error = await rejectionOf(client.sign({ ...asked, content }));
      expect(error).to.include({ code: 'ERR_S2N_PKEY_OPERATION_INVALID' });
    }
    expect(await rejectionOf(client.sign({ ...asked, content: message }))).to.include({ code: refused });
    expect(witness.asked).to.deep.equal([]);
  });

  it('signs the hash that it makes itself', async () => {
    await at.serve({ handshakesOnly: true });
    const client = await at.open();
    for (const content of [handshakeOf('server'), handshakeOf('client', 48)]) {
      const input = createHash('sha256').update(content).digest();
      const signature = await client.sign({ ...asked, input, content });
      expect(verifiesUnder(asked.scheme, content, client.publicKey, signature)).to.equal(true);
    }
  });

  it('passes the content on to a signer that is a SocketSigner, too', async () => {
    const witness = new Witness('P-256');
    await at.serve({ signer: witness, handshakesOnly: true });
    const inner = await at.open();
    await at.serve({ signer: inner, path: `${at.path}2` });
    const outer = await at.open({ path: `${at.path}2` });
    const content = handshakeOf('server');
    await outer.sign({ ...asked, input: createHash('sha256').update(content).digest(), content });
    expect(witness.roles).to.deep.equal(['server']);
  });

  it('refuses RSA PKCS#1, with which TLS 1.3 signs no handshake', async () => {
    await at.serve({ signer: localSigner('RSA-2048'), handshakesOnly: true });
    const content = handshakeOf('server');
    const input = createHash('sha256').update(content).digest();
    const client = await at.open();
    const error = await rejectionOf(
      client.sign({ scheme: 'rsa_pkcs1_sha256', input, inputKind: 'digest', content }),
    );
    expect(error).to.include({ code: refused });
  });

  it('applies from a reload on to clients that are connected', async () => {
    const signer = new Witness('P-256');
    const server = await at.serve({ signer });
    const client = await at.open();
    await client.sign(asked);
    await server.reload({ signer, handshakesOnly: true });
    expect(await rejectionOf(client.sign(asked))).to.include({ code: refused });
    const content = handshakeOf('server');
    await client.sign({ ...asked, input: createHash('sha256').update(content).digest(), content });
    expect(signer.roles).to.deep.equal([undefined, 'server']);
  });

  it('sends an earlier release, whose hello has no handshakes, the digest', async () => {
    await at.fake((socket) => {
      socket.write(hello());
      const reader = new FrameReader();
      socket.on('data', (chunk: Buffer) => {
        for (const { type, id, body } of reader.read(chunk)) {
          const input = body.subarray(2);
          expect(type).to.equal(frameType.sign);
          void localSigner('P-256')
            .sign({ ...asked, input })
            .then((signature) => socket.write(encodeFrame(frameType.signature, id, signature)));
        }
      });
    });
    const client = await at.open();
    const content = handshakeOf('server');
    const input = createHash('sha256').update(content).digest();
    const signature = await client.sign({ ...asked, input, content });
    expect(verifiesUnder(asked.scheme, content, client.publicKey, signature)).to.equal(true);
  });

  it('signs nothing for a content that differs in any way from that of a handshake', async () => {
    const witness = new Witness('P-256');
    await at.serve({ signer: witness, handshakesOnly: true, maxInFlight: 10_000 });
    const seed = testSeed();
    const random = new Random(seed);
    const prefix = handshakeOf('server').length - 32;
    const wrong: Buffer[] = [];
    for (let at = 0; at < prefix; at++) {
      const content = Buffer.from(handshakeOf(random.among(['server', 'client'])));
      content[at] = (content[at] ?? 0) ^ (1 << random.below(8));
      wrong.push(content);
    }
    const right = handshakeOf('server', 48);
    for (let length = 1; length < right.length; length++) {
      if (length !== prefix + 32) wrong.push(right.subarray(0, length));
    }
    wrong.push(Buffer.concat([right, Buffer.of(0)]), Buffer.concat([Buffer.of(32), handshakeOf('client')]));
    for (let count = 0; count < 200; count++) wrong.push(random.bytes(1 + random.size(60_000)));
    const socket = createConnection(at.path);
    const reader = new FrameReader();
    const codes = new Map<number, unknown>();
    const answered = new Promise<void>((resolve) => {
      socket.on('data', (chunk: Buffer) => {
        for (const frame of reader.read(chunk)) {
          if (frame.type === frameType.hello) continue;
          const code = frame.type === frameType.failure ? jsonOf(frame)?.['code'] : `frame ${frame.type}`;
          codes.set(frame.id, code);
        }
        if (codes.size === wrong.length) resolve();
      });
    });
    wrong.forEach((content, index) => socket.write(frameOf(index + 1, content)));
    await answered;
    expect(new Set(codes.values()), `S2N_PKEY_TEST_SEED=${seed}`).to.deep.equal(new Set([refused]));
    expect(witness.asked).to.deep.equal([]);
    socket.destroy();
  }).timeout(30_000);

  it('survives random bytes after a request, and signs nothing but handshakes', async () => {
    const witness = new Witness('P-256');
    await at.serve({ signer: witness, handshakesOnly: true });
    const client = await at.open();
    const seed = testSeed();
    const random = new Random(seed);
    for (let count = 0; count < 50; count++) {
      const frame = Buffer.concat([frameOf(1, handshakeOf('server')), frameOf(2, handshakeOf('client'))]);
      for (let flips = random.below(6); flips >= 0; flips--)
        frame[random.below(frame.length)] = random.below(256);
      const socket = createConnection(at.path).resume();
      socket.on('error', () => undefined);
      socket.end(frame);
      await once(socket, 'close');
    }
    for (const { content, input, scheme } of witness.asked) {
      expect(content && roleOfContent(content), `S2N_PKEY_TEST_SEED=${seed}`).to.be.oneOf([
        'server',
        'client',
      ]);
      expect(scheme).to.equal(asked.scheme);
      const hash = createHash('sha256')
        .update(content ?? Buffer.alloc(0))
        .digest();
      expect(hash.equals(input)).to.equal(true);
    }
    expect(await rejectionOf(client.sign(asked))).to.include({ code: refused });
  }).timeout(30_000);
});
