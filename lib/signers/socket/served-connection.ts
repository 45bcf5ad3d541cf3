import type { Socket } from 'node:net';
import { S2nPkeyError } from '../../errors.ts';
import { signatureSchemeByCode } from '../signature-scheme.ts';
import type { Signer } from '../signer.ts';
import { encodeFrame, FrameReader, frameType, protocolVersion, type Frame } from './framing.ts';

/** Characters of an error's message that go over the socket. */
const longestMessage = 2_000;

/** One client of `serveSigner`. */
export class ServedConnection {
  readonly #socket: Socket;
  readonly #signer: Signer;
  readonly #maxInFlight: number;
  /** What is under way, by its id. */
  readonly #inFlight = new Map<number, AbortController>();
  #ending = false;

  constructor(socket: Socket, signer: Signer, maxInFlight: number) {
    this.#socket = socket;
    this.#signer = signer;
    this.#maxInFlight = maxInFlight;
    const reader = new FrameReader();
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const frame of reader.read(chunk)) this.#take(frame);
      } catch {
        socket.destroy(); // Not our protocol. There is nobody to tell.
      }
    });
    socket.on('error', () => undefined); // 'close' follows.
    socket.on('end', () => socket.end());
    socket.on('close', () => {
      for (const controller of this.#inFlight.values()) controller.abort(new Error('the client has gone'));
      this.#inFlight.clear();
    });
    const { publicKey, schemes } = signer;
    const spki = publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
    const hello = { version: protocolVersion, publicKey: spki, schemes, inFlight: maxInFlight };
    this.#send(frameType.hello, 0, JSON.stringify(hello));
  }

  /** Nothing new is taken; the connection ends when what was asked for is answered. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#send(frameType.ending, 0);
    this.#endIfIdle();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  /** @throws RangeError at what no client sends. */
  #take({ type, id, body }: Frame): void {
    if (type === frameType.cancel) {
      this.#inFlight.get(id)?.abort(new Error('the client does not want it any more'));
      return;
    }
    if (type !== frameType.sign || body.length < 3 || this.#inFlight.has(id)) {
      throw new RangeError('not a request of this protocol');
    }
    if (this.#ending) {
      this.#fail(id, 'ERR_S2N_PKEY_SOCKET_SIGNER_UNREACHABLE', 'the signer behind the socket is ending');
    } else if (this.#inFlight.size >= this.#maxInFlight) {
      const message = `more than ${this.#maxInFlight} signatures are asked for at once on one connection`;
      this.#fail(id, 'ERR_S2N_PKEY_SOCKET_SIGNER_BUSY', message);
    } else {
      void this.#sign(id, body.readUInt16BE(0), Uint8Array.from(body.subarray(2)));
    }
  }

  async #sign(id: number, schemeCode: number, input: Uint8Array): Promise<void> {
    const controller = new AbortController();
    this.#inFlight.set(id, controller);
    try {
      const facts = signatureSchemeByCode(schemeCode);
      if (facts === undefined) {
        throw new S2nPkeyError(
          'ERR_S2N_PKEY_OPERATION_INVALID',
          `there is no scheme 0x${schemeCode.toString(16)}`,
        );
      }
      const { name: scheme, inputKind } = facts;
      const { signal } = controller;
      const signature = await this.#signer.sign({ scheme, input, inputKind }, { signal });
      if (!(signature instanceof Uint8Array) || signature.length === 0 || signature.length > 8_192) {
        throw new S2nPkeyError('ERR_S2N_PKEY_SIGNER', 'the signer behind the socket gave no signature');
      }
      this.#send(frameType.signature, id, signature);
    } catch (error) {
      const code = error instanceof S2nPkeyError ? error.code : 'ERR_S2N_PKEY_SIGNER';
      this.#fail(id, code, error instanceof Error ? error.message : String(error));
    } finally {
      this.#inFlight.delete(id);
      this.#endIfIdle();
    }
  }

  #endIfIdle(): void {
    if (this.#ending && this.#inFlight.size === 0) this.#socket.end();
  }

  #fail(id: number, code: string, message: string): void {
    this.#send(frameType.failure, id, JSON.stringify({ code, message: message.slice(0, longestMessage) }));
  }

  #send(type: number, id: number, body?: Uint8Array | string): void {
    if (this.#socket.writable) this.#socket.write(encodeFrame(type, id, body));
    // A client that asks and never reads: answers must not pile up here.
    if (this.#socket.writableLength > 4_194_304) this.#socket.destroy();
  }
}
