import type { Socket } from 'node:net';
import { S2nPkeyError } from '../../errors.ts';
import { signatureSchemeByCode } from '../signature-scheme.ts';
import { encodeFrame, FrameReader, frameType, protocolVersion, type Frame } from './framing.ts';
import { operationOf, type GivenToSign } from './given-to-sign.ts';
import type { SignerPeer } from './peer.ts';
import type { CheckedServing } from './serve-signer-options.ts';
import type { Serving } from './serving.ts';
import type { SignatureReports } from './signature-reports.ts';

/** An error's message is cut to this many characters before it is sent. */
const longestMessage = 2_000;

/** A request for a signature. */
class Ask {
  readonly controller = new AbortController();
  readonly startTime = Date.now();
  readonly begun = performance.now();
  /** Milliseconds in the queue; undefined while it waits. */
  queuedMs: number | undefined;
  requestId: string | undefined;
}

/** Tells a process that it is not let in, and ends the connection. */
export function refuse(socket: Socket, message: string): void {
  socket.on('error', () => undefined); // 'close' follows.
  const body = JSON.stringify({ code: 'ERR_S2N_PKEY_SOCKET_SIGNER_REFUSED', message });
  socket.end(encodeFrame(frameType.failure, 0, body), () => socket.destroy());
}

/** One client of `serveSigner`. */
export class ServedConnection {
  readonly #socket: Socket;
  readonly #number: number;
  readonly #serving: Serving;
  readonly peer: SignerPeer | undefined;
  /** Signatures in progress at most: what the client was told, whatever is served later. */
  readonly #maxInFlight: number;
  readonly #reports: SignatureReports | undefined;
  /** Requests in progress, by id. */
  readonly #inFlight = new Map<number, Ask>();
  #ending = false;

  constructor(
    socket: Socket,
    number: number,
    peer: SignerPeer | undefined,
    serving: Serving,
    reports: SignatureReports | undefined,
  ) {
    this.#socket = socket;
    this.#number = number;
    this.peer = peer;
    this.#serving = serving;
    this.#maxInFlight = serving.now.maxInFlight;
    this.#reports = reports;
    const reader = new FrameReader();
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const frame of reader.read(chunk)) this.#take(frame);
      } catch {
        socket.destroy(); // Not our protocol, so there is no way to report an error.
      }
    });
    socket.on('error', () => undefined); // 'close' follows.
    socket.on('end', () => socket.end());
    socket.on('close', () => {
      for (const { controller } of this.#inFlight.values())
        controller.abort(new Error('the client has gone'));
      this.#inFlight.clear();
    });
    this.#greet();
  }

  /** Refuses new requests, and ends the connection when all pending ones are answered. */
  end(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#send(frameType.ending, 0);
    this.#endIfIdle();
  }

  destroy(): void {
    this.#socket.destroy();
  }

  #greet(): void {
    const { signer, schemes, maxInFlight: inFlight, quota } = this.#serving.now;
    const publicKey = signer.publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
    // JSON has no Infinity.
    const isFinite = quota !== undefined && quota.perSecond < Infinity && quota.inFlight < Infinity;
    const hello = { version: protocolVersion, publicKey, schemes, inFlight, handshakes: true };
    this.#send(frameType.hello, 0, JSON.stringify(isFinite ? { ...hello, quota } : hello));
  }

  /** @throws RangeError if the frame is not a valid request. */
  #take({ type, id, body }: Frame): void {
    if (type === frameType.cancel) {
      this.#inFlight.get(id)?.controller.abort(new Error('the client does not want it any more'));
      return;
    }
    const isRequest = type === frameType.sign || type === frameType.signHandshake;
    if (!isRequest || body.length < 3 || this.#inFlight.has(id)) {
      throw new RangeError('not a request of this protocol');
    }
    const bytes = Uint8Array.from(body.subarray(2));
    const given = type === frameType.sign ? { input: bytes } : { content: bytes };
    void this.#answer(id, body.readUInt16BE(0), given);
  }

  async #answer(id: number, schemeCode: number, given: GivenToSign): Promise<void> {
    const ask = new Ask();
    let outcome = 'ok';
    try {
      this.#checkRoom();
      this.#inFlight.set(id, ask);
      const { serving, leave } = this.#serving.use();
      try {
        this.#send(frameType.signature, id, await this.#sign(serving, ask, schemeCode, given));
      } finally {
        leave();
        if (this.#inFlight.get(id) === ask) this.#inFlight.delete(id);
      }
    } catch (error) {
      outcome = error instanceof S2nPkeyError ? error.code : 'ERR_S2N_PKEY_SIGNER';
      this.#fail(id, outcome, error instanceof Error ? error.message : String(error));
    }
    this.#endIfIdle();
    this.#reports?.report({
      connection: this.#number,
      peer: this.peer,
      scheme: signatureSchemeByCode(schemeCode)?.name,
      outcome: ask.controller.signal.aborted ? 'ERR_S2N_PKEY_SIGN_ABORTED' : outcome,
      startTime: ask.startTime,
      durationMs: performance.now() - ask.begun,
      queuedMs: ask.queuedMs,
      requestId: ask.requestId,
    });
  }

  /** @throws S2nPkeyError if the connection accepts no further request. */
  #checkRoom(): void {
    if (this.#ending) {
      throw new S2nPkeyError(
        'ERR_S2N_PKEY_SOCKET_SIGNER_UNREACHABLE',
        'the signer behind the socket is ending',
      );
    }
    if (this.#inFlight.size >= this.#maxInFlight) {
      throw new S2nPkeyError(
        'ERR_S2N_PKEY_SOCKET_SIGNER_BUSY',
        `more than ${this.#maxInFlight} signatures are asked for at once on one connection`,
      );
    }
  }

  async #sign(
    { signer, schemes, turns, handshakesOnly }: CheckedServing,
    ask: Ask,
    schemeCode: number,
    given: GivenToSign,
  ): Promise<Uint8Array> {
    const facts = signatureSchemeByCode(schemeCode);
    if (facts === undefined || !schemes.includes(facts.name)) {
      const asked = facts?.name ?? `0x${schemeCode.toString(16)}`;
      throw new S2nPkeyError(
        'ERR_S2N_PKEY_OPERATION_INVALID',
        `the scheme ${asked} is not signed here: ask for one of ${schemes.join(', ')}`,
      );
    }
    const operation = operationOf(given, facts, signer.publicKey, handshakesOnly);
    const { signal } = ask.controller;
    const place = turns?.enterShare(`connection ${this.#number}`);
    // An aborted request leaves the queue at once. One that a signer works on counts until that settles, as in a server.
    const abandon = (): void => place?.abandon(signal.reason as Error);
    signal.addEventListener('abort', abandon);
    try {
      if (place?.admitted) await place.admitted;
      ask.queuedMs = place?.queuedMs ?? 0;
      const sign = (): Promise<Uint8Array> => signer.sign(operation, { signal });
      const signature: unknown = await (this.#reports ? this.#reports.make(ask, sign) : sign());
      if (!(signature instanceof Uint8Array) || signature.length === 0 || signature.length > 8_192) {
        throw new S2nPkeyError('ERR_S2N_PKEY_SIGNER', 'the signer behind the socket gave no signature');
      }
      return signature;
    } catch (error) {
      place?.failed(error);
      throw error;
    } finally {
      signal.removeEventListener('abort', abandon);
      place?.leave();
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
    // Limits the memory that answers use if a client sends requests and never reads.
    if (this.#socket.writableLength > 4_194_304) this.#socket.destroy();
  }
}
