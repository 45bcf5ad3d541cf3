import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmod, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { createConnection, createServer, type Server, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { signerConformance } from '../../lib/conformance/signer-conformance.ts';
import { KmsError } from '../../lib/kms/kms-error.ts';
import type { PrivateKeyOperation, Signer, SignOptions } from '../../lib/signer/signer.ts';
import { encodeFrame, FrameReader, frameType, type Frame } from '../../lib/socket-signer/framing.ts';
import {
  serveSigner,
  SocketSigner,
  SocketSignerError,
  type ServeSignerOptions,
  type SignerServer,
  type SocketSignerOptions,
} from '../../lib/socket-signer/socket-signer.ts';
import { localSigner } from '../certificate/signers.ts';
import { makeKeyPair, privateKeyPem } from '../signer/key-pairs.ts';
import { LocalKeySigner } from '../../lib/signer/local-key-signer.ts';
import { rejectionOf } from '../signer/rejection.ts';
import { verifiesUnder } from '../signer/verify-signature.ts';

const message = Buffer.from('what a handshake hashes');
const asked: PrivateKeyOperation = {
  scheme: 'ecdsa_secp256r1_sha256',
  input: createHash('sha256').update(message).digest(),
  inputKind: 'digest',
};

/** A signer whose answers the test gives; `begun` tells how many are under way. */
class HeldSigner implements Signer {
  readonly publicKey;
  readonly schemes;
  readonly held: { readonly signal: AbortSignal | undefined; readonly answer: () => void }[] = [];
  readonly #inner = localSigner('P-256');
  #noticed: () => void = () => undefined;

  constructor() {
    this.publicKey = this.#inner.publicKey;
    this.schemes = this.#inner.schemes;
  }

  sign(operation: PrivateKeyOperation, { signal }: SignOptions = {}): Promise<Uint8Array> {
    return new Promise((resolve) => {
      this.held.push({ signal, answer: () => resolve(this.#inner.sign(operation)) });
      this.#noticed();
    });
  }

  async begun(count: number): Promise<void> {
    while (this.held.length < count) await new Promise<void>((resolve) => (this.#noticed = resolve));
  }
}

describe('SocketSigner', () => {
  let folder: string;
  let path: string;
  const servers: SignerServer[] = [];
  const clients: SocketSigner[] = [];
  const fakes: Server[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 's2n-socket-'));
    path = join(folder, 'signer.sock');
  });
  afterEach(async () => {
    for (const client of clients.splice(0)) client.close();
    await Promise.all(servers.splice(0).map((server) => server.close(0)));
    for (const fake of fakes.splice(0)) fake.close();
    await rm(folder, { recursive: true });
  });

  async function serve(options: Partial<ServeSignerOptions> = {}): Promise<SignerServer> {
    const server = await serveSigner({ signer: localSigner('P-256'), path, ...options });
    servers.push(server);
    return server;
  }

  async function open(options: Partial<SocketSignerOptions> = {}): Promise<SocketSigner> {
    const client = await SocketSigner.open({ path, timeout: 20_000, ...options });
    clients.push(client);
    return client;
  }

  /** Something else that listens at the path. */
  async function fake(act: (socket: Socket, count: number) => void): Promise<void> {
    let count = 0;
    const server = createServer((socket) => {
      socket.on('error', () => undefined);
      act(socket, ++count);
    }).listen(path);
    fakes.push(server);
    await once(server, 'listening');
    await chmod(path, 0o600);
  }

  const hello = (more: object = {}): Buffer => {
    const { publicKey, schemes } = localSigner('P-256');
    const spki = publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
    return encodeFrame(
      frameType.hello,
      0,
      JSON.stringify({ version: 1, publicKey: spki, schemes, inFlight: 10, ...more }),
    );
  };

  for (const key of ['P-256', 'P-521', 'RSA-2048'] as const) {
    describe(`does what a Signer must, with ${key} in the other process`, () => {
      const openServed = async (): Promise<Signer> => {
        await serve({ signer: localSigner(key) });
        return open();
      };
      for (const { name, run } of signerConformance({ open: openServed, patience: 20_000 })) {
        it(name, run).timeout(60_000);
      }
    });
  }

  describe('many at once', () => {
    it('has a thousand signatures on one connection, no more under way than the other side takes', async () => {
      let underWay = 0;
      let most = 0;
      const inner = localSigner('P-256');
      const { publicKey, schemes } = inner;
      const counting: Signer = {
        ...{ publicKey, schemes },
        sign: async (operation) => {
          most = Math.max(most, ++underWay);
          await new Promise((resolve) => setImmediate(resolve));
          underWay--;
          return inner.sign(operation);
        },
      };
      const server = await serve({ signer: counting, maxInFlight: 50 });
      const client = await open();
      const signatures = await Promise.all(Array.from({ length: 1_000 }, () => client.sign(asked)));
      for (const signature of signatures) {
        expect(verifiesUnder(asked.scheme, message, client.publicKey, signature)).to.equal(true);
      }
      expect(most).to.equal(50);
      expect(server.connections).to.equal(1);
    });

    it('answers each with its own, in whatever order they are done', async () => {
      const held = new HeldSigner();
      await serve({ signer: held });
      const client = await open();
      const order: number[] = [];
      const all = [0, 1, 2].map((index) => client.sign(asked).then(() => order.push(index)));
      await held.begun(3);
      for (const index of [2, 0, 1]) {
        held.held[index]?.answer();
        await all[index];
      }
      expect(order).to.deep.equal([2, 0, 1]);
    });
  });

  describe('when a signature is not wanted any more', () => {
    it('says so to the other process, whose signer is told', async () => {
      const held = new HeldSigner();
      await serve({ signer: held });
      const client = await open();
      const abort = new AbortController();
      const signed = rejectionOf(client.sign(asked, { signal: abort.signal }));
      await held.begun(1);
      abort.abort(new Error('the peer left'));
      expect(await signed).to.include({ code: 'ERR_S2N_PKEY_SIGN_ABORTED' });
      const signal = held.held[0]?.signal;
      if (signal?.aborted === false) await once(signal, 'abort');
      expect(signal?.aborted).to.equal(true);
    });

    it('says so when the whole client has gone', async () => {
      const held = new HeldSigner();
      await serve({ signer: held });
      const client = await open();
      const signed = rejectionOf(client.sign(asked));
      await held.begun(1);
      client.close();
      expect(await signed).to.include({ code: 'ERR_S2N_PKEY_SIGNER_CLOSED' });
      const signal = held.held[0]?.signal;
      if (signal?.aborted === false) await once(signal, 'abort');
      expect(signal?.aborted).to.equal(true);
    });

    it('gives up after its timeout', async () => {
      await serve({ signer: new HeldSigner() });
      const client = await open({ timeout: 300 });
      const error = await rejectionOf(client.sign(asked));
      expect(error)
        .to.be.instanceOf(SocketSignerError)
        .and.include({ code: 'ERR_S2N_PKEY_SOCKET_SIGNER_TIMEOUT', path });
    });
  });

  describe('when the other process', () => {
    it('fails to sign, has its code and message', async () => {
      const { publicKey, schemes } = localSigner('P-256');
      const facts = { operation: 'Sign', keyId: 'alias/site' };
      const failing = new KmsError('ERR_S2N_PKEY_KMS_THROTTLED', 'have the quota raised', facts);
      await serve({ signer: { publicKey, schemes, sign: () => Promise.reject(failing) } });
      const error = await rejectionOf((await open()).sign(asked));
      expect(error).to.include({ code: 'ERR_S2N_PKEY_KMS_THROTTLED' });
      expect(error).to.have.property('message').that.includes('have the quota raised').and.includes(path);
    });

    it('is restarted, signs what was asked for meanwhile', async () => {
      const first = new HeldSigner();
      const server = await serve({ signer: first });
      const client = await open();
      const lost = client.sign(asked);
      await first.begun(1);
      await server.close(0);
      const meanwhile = client.sign(asked);
      await serve();
      for (const signature of await Promise.all([lost, meanwhile])) {
        expect(verifiesUnder(asked.scheme, message, client.publicKey, signature)).to.equal(true);
      }
    });

    it('ends in order, answers what was asked for, and removes its file', async () => {
      const held = new HeldSigner();
      const server = await serve({ signer: held });
      const client = await open();
      const signed = client.sign(asked);
      await held.begun(1);
      const closed = server.close();
      held.held[0]?.answer();
      expect(verifiesUnder(asked.scheme, message, client.publicKey, await signed)).to.equal(true);
      await closed;
      expect(await readdir(folder)).to.deep.equal([]);
    });

    it('does not come back, says so when the time is up', async () => {
      const server = await serve();
      const client = await open({ timeout: 400 });
      await server.close();
      const error = await rejectionOf(client.sign(asked));
      expect(error).to.include({ code: 'ERR_S2N_PKEY_SOCKET_SIGNER_UNREACHABLE' });
      expect(error).to.have.property('message').that.includes('npx s2n-pkey signer');
    });

    it('comes back with another key, refuses it by name', async () => {
      const server = await serve();
      const client = await open();
      await server.close();
      await serve({ signer: new LocalKeySigner({ key: privateKeyPem(makeKeyPair('P-256')) }) });
      const error = await rejectionOf(client.sign(asked));
      expect(error).to.include({ code: 'ERR_S2N_PKEY_SOCKET_SIGNER_WRONG_KEY' });
      expect(error).to.have.property('message').that.includes('open the signer again');
    });

    it('says hello and ends, again and again, is asked again, and less and less often', async () => {
      let connections = 0;
      await fake((socket, count) => {
        connections = count;
        socket.write(hello());
        socket.on('data', () => socket.destroy());
      });
      const client = await open({ timeout: 700 });
      const error = await rejectionOf(client.sign(asked));
      expect(error).to.include({ code: 'ERR_S2N_PKEY_SOCKET_SIGNER_UNREACHABLE' });
      expect(connections).to.be.within(2, 12);
    });
  });

  describe('keeps to the permissions of the socket', () => {
    it('which are those of this user alone, and not for a moment others', async () => {
      await serve();
      expect((await stat(path)).mode & 0o777).to.equal(0o600);
      expect(await readdir(folder)).to.deep.equal(['signer.sock']);
    });

    it('and refuses those that let every user in, on both sides, unless told', async () => {
      const refused = await rejectionOf(serve({ mode: 0o666 }));
      expect(refused).to.include({ code: 'ERR_S2N_PKEY_INVALID_OPTION', option: 'mode' });
      await serve({ mode: 0o666, allowOthers: true });
      const error = await rejectionOf(open());
      expect(error).to.include({ code: 'ERR_S2N_PKEY_SOCKET_SIGNER_PERMISSIONS' });
      expect(error).to.have.property('message').that.includes('mode 666').and.includes('allowOthers: true');
      expect(await open({ allowOthers: true })).to.be.instanceOf(SocketSigner);
    });

    it('and refuses a path that is no socket, or nothing', async () => {
      expect(await rejectionOf(open())).to.include({ code: 'ERR_S2N_PKEY_SOCKET_SIGNER_UNREACHABLE' });
      await writeFile(path, 'a file');
      expect(await rejectionOf(open())).to.include({ code: 'ERR_S2N_PKEY_SOCKET_SIGNER_PERMISSIONS' });
      const error = await rejectionOf(serve());
      expect(error).to.include({ code: 'ERR_S2N_PKEY_SOCKET_SIGNER_IN_USE' });
      expect((await stat(path)).isFile()).to.equal(true);
    });
  });

  describe('a socket that is there already', () => {
    it('is replaced when nobody listens at it', async () => {
      const left = createServer().listen(join(folder, 'other'));
      await once(left, 'listening');
      const { link } = await import('node:fs/promises');
      await link(join(folder, 'other'), path);
      left.close();
      await once(left, 'close');
      expect((await stat(path)).isSocket()).to.equal(true);
      await serve();
      expect(await open()).to.be.instanceOf(SocketSigner);
    });

    it('is left alone when somebody does, and the one who listens goes on', async () => {
      await serve();
      const client = await open();
      const error = await rejectionOf(serve());
      expect(error).to.include({ code: 'ERR_S2N_PKEY_SOCKET_SIGNER_IN_USE' });
      expect(await client.sign(asked))
        .to.have.property('length')
        .that.is.above(60);
      expect(await readdir(folder)).to.deep.equal(['signer.sock']);
    });
  });

  describe('given garbage', () => {
    const garbage: readonly (readonly [string, Buffer])[] = [
      ['text', Buffer.from('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n')],
      ['a length of nothing', Buffer.from('0000000000', 'hex')],
      ['a length without end', Buffer.from('ffffffff0200000001', 'hex')],
      ['a frame of no type', encodeFrame(99, 1, 'x')],
      ["the server's own frame", encodeFrame(frameType.ending, 0)],
      ['a request without a scheme', encodeFrame(frameType.sign, 1, Buffer.of(4))],
    ];

    for (const [what, bytes] of garbage) {
      it(`by a client: ${what} ends that connection, and no other`, async () => {
        await serve();
        const client = await open();
        const socket = createConnection(path);
        await once(socket, 'data'); // hello
        socket.write(bytes);
        await once(socket, 'close');
        expect(await client.sign(asked))
          .to.have.property('length')
          .that.is.above(60);
      });
    }

    it('by a client: a scheme or an input that there is not is refused, and the next request is served', async () => {
      await serve();
      const socket = createConnection(path);
      const frames = readFrames(socket);
      expect((await frames.next()).value).to.include({ type: frameType.hello });
      socket.write(encodeFrame(frameType.sign, 7, Buffer.of(1, 1, 1)));
      socket.write(encodeFrame(frameType.sign, 8, Buffer.of(4, 3, 1)));
      socket.write(encodeFrame(frameType.cancel, 9));
      socket.write(encodeFrame(frameType.sign, 10, Buffer.concat([Buffer.of(4, 3), asked.input])));
      const answers = [await frames.next(), await frames.next(), await frames.next()].map(
        ({ value }) => value as Frame,
      );
      const typeOf = new Map(answers.map(({ id, type }) => [id, type]));
      expect(Object.fromEntries(typeOf)).to.deep.equal({
        7: frameType.failure,
        8: frameType.failure,
        10: frameType.signature,
      });
      expect(answers[0]?.body.toString()).to.include('ERR_S2N_PKEY_OPERATION_INVALID');
      socket.destroy();
    });

    it('by a client that sends byte by byte: it is served', async () => {
      await serve();
      const socket = createConnection(path);
      socket.setNoDelay();
      const frames = readFrames(socket);
      await frames.next();
      const request = encodeFrame(frameType.sign, 10, Buffer.concat([Buffer.of(4, 3), asked.input]));
      for (const byte of request)
        await new Promise<void>((done) => socket.write(Buffer.of(byte), () => done()));
      expect((await frames.next()).value).to.include({ id: 10, type: frameType.signature });
      socket.destroy();
    });

    it('by a client that asks for too many at once: the rest is refused', async () => {
      await serve({ signer: new HeldSigner(), maxInFlight: 2 });
      const socket = createConnection(path);
      const frames = readFrames(socket);
      await frames.next();
      for (const id of [1, 2, 3]) {
        socket.write(encodeFrame(frameType.sign, id, Buffer.concat([Buffer.of(4, 3), asked.input])));
      }
      const value: unknown = (await frames.next()).value;
      expect(value).to.include({ id: 3, type: frameType.failure });
      expect((value as Frame).body.toString()).to.include('ERR_S2N_PKEY_SOCKET_SIGNER_BUSY');
      socket.destroy();
    });

    for (const [what, bytes, words] of [
      ['text', Buffer.from('SSH-2.0-OpenSSH_9.2\r\n'), 'no signer of s2n-pkey'],
      ['a frame before hello', encodeFrame(frameType.signature, 1, 'x'), 'a frame of type 3'],
      ['a hello that is no JSON', encodeFrame(frameType.hello, 0, '{'), 'version none'],
      ['a hello without a key', encodeFrame(frameType.hello, 0, '{"version":1}'), 'has no key'],
      [
        'a key that is none',
        encodeFrame(frameType.hello, 0, '{"version":1,"publicKey":"AAAA","schemes":[]}'),
        'no signer of s2n-pkey',
      ],
      [
        'a later version',
        encodeFrame(frameType.hello, 0, '{"version":2}'),
        'version 2 of the protocol, this process 1',
      ],
    ] as const) {
      it(`by what listens at the path: ${what}`, async () => {
        await fake((socket) => socket.write(bytes));
        const error = await rejectionOf(open());
        expect(error)
          .to.be.instanceOf(SocketSignerError)
          .and.include({ code: 'ERR_S2N_PKEY_SOCKET_SIGNER_PROTOCOL' });
        expect(error).to.have.property('message').that.includes(words);
      });
    }

    it('by what listens at the path: nothing at all', async () => {
      await fake(() => undefined);
      const error = await rejectionOf(open({ timeout: 300 }));
      expect(error).to.include({ code: 'ERR_S2N_PKEY_SOCKET_SIGNER_TIMEOUT' });
    });

    it('in place of an answer: it connects anew, and signs', async () => {
      await fake((socket, count) => {
        socket.write(hello());
        socket.on('data', (chunk: Buffer) => {
          if (count === 1) socket.write(Buffer.alloc(9, 0xff));
          else void answer(socket, chunk);
        });
      });
      const client = await open();
      const signature = await client.sign(asked);
      expect(verifiesUnder(asked.scheme, message, client.publicKey, signature)).to.equal(true);
    });

    it('as an error without a code of ours: ERR_S2N_PKEY_SIGNER', async () => {
      await fake((socket) => {
        socket.write(hello());
        socket.on('data', () => socket.write(encodeFrame(frameType.failure, 1, '["what"]')));
      });
      const error = await rejectionOf((await open()).sign(asked));
      expect(error).to.include({ code: 'ERR_S2N_PKEY_SIGNER' });
    });
  });

  it('refuses options that mean nothing, by name', async () => {
    const signer = localSigner('P-256');
    for (const [option, options] of [
      ['path', {}],
      ['path', { path: 'x'.repeat(120) }],
      ['timeout', { path, timeout: 0 }],
      ['allowOthers', { path, allowOthers: 1 }],
    ] as const) {
      expect(await rejectionOf(SocketSigner.open(options as never))).to.include({ option });
    }
    for (const [option, options] of [
      ['signer', { path }],
      ['path', { signer }],
      ['mode', { signer, path, mode: '600' }],
      ['maxInFlight', { signer, path, maxInFlight: 0 }],
      ['maxConnections', { signer, path, maxConnections: 1.5 }],
    ] as const) {
      expect(await rejectionOf(serveSigner(options as never))).to.include({ option });
    }
  });
});

async function* readFrames(socket: Socket): AsyncGenerator<Frame> {
  const reader = new FrameReader();
  for await (const chunk of socket) yield* reader.read(chunk as Buffer);
}

async function answer(socket: Socket, chunk: Buffer): Promise<void> {
  for (const { type, id, body } of new FrameReader().read(chunk)) {
    if (type !== frameType.sign) continue;
    const operation = { ...asked, input: body.subarray(2) };
    socket.write(encodeFrame(frameType.signature, id, await localSigner('P-256').sign(operation)));
  }
}
