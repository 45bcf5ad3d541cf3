import { once } from 'node:events';
import { createConnection, type Socket } from 'node:net';
import { expect } from 'chai';
import { encodeFrame, FrameReader, frameType, type Frame } from '../../../lib/signers/socket/framing.ts';
import { SocketSignerError } from '../../../lib/signers/socket/socket-signer.ts';
import { localSigner } from '../../certificate/signers.ts';
import { rejectionOf } from '../rejection.ts';
import { verifiesUnder } from '../verify-signature.ts';
import { asked, HeldSigner, hello, message, sockets } from './sockets.ts';

describe("What goes over a signer's socket", () => {
  const at = sockets();

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
        await at.serve();
        const client = await at.open();
        const socket = createConnection(at.path);
        await once(socket, 'data'); // hello
        socket.write(bytes);
        await once(socket, 'close');
        expect(await client.sign(asked))
          .to.have.property('length')
          .that.is.above(60);
      });
    }

    it('by a client: a scheme or an input that there is not is refused, and the next request is served', async () => {
      await at.serve();
      const socket = createConnection(at.path);
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
      await at.serve();
      const socket = createConnection(at.path);
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
      await at.serve({ signer: new HeldSigner(), maxInFlight: 2 });
      const socket = createConnection(at.path);
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
        await at.fake((socket) => socket.write(bytes));
        const error = await rejectionOf(at.open());
        expect(error)
          .to.be.instanceOf(SocketSignerError)
          .and.include({ code: 'ERR_S2N_PKEY_SOCKET_SIGNER_PROTOCOL' });
        expect(error).to.have.property('message').that.includes(words);
      });
    }

    it('by what listens at the path: nothing at all', async () => {
      await at.fake(() => undefined);
      const error = await rejectionOf(at.open({ timeout: 300 }));
      expect(error).to.include({ code: 'ERR_S2N_PKEY_SOCKET_SIGNER_TIMEOUT' });
    });

    it('in place of an answer: it connects anew, and signs', async () => {
      await at.fake((socket, count) => {
        socket.write(hello());
        socket.on('data', (chunk: Buffer) => {
          if (count === 1) socket.write(Buffer.alloc(9, 0xff));
          else void answer(socket, chunk);
        });
      });
      const client = await at.open();
      const signature = await client.sign(asked);
      expect(verifiesUnder(asked.scheme, message, client.publicKey, signature)).to.equal(true);
    });

    it('as an error without a code of ours: ERR_S2N_PKEY_SIGNER', async () => {
      await at.fake((socket) => {
        socket.write(hello());
        socket.on('data', () => socket.write(encodeFrame(frameType.failure, 1, '["what"]')));
      });
      const error = await rejectionOf((await at.open()).sign(asked));
      expect(error).to.include({ code: 'ERR_S2N_PKEY_SIGNER' });
    });
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
