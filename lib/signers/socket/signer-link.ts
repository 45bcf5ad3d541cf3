import type { KeyObject } from 'node:crypto';
import { createConnection, type Socket } from 'node:net';
import { SignerError } from '../../errors.ts';
import { pendingSignature, type PendingSignature } from '../pending-signature.ts';
import { readOption } from '../../options/option.ts';
import { quotaOption } from '../signer-option.ts';
import { readPublicKey } from '../public-key.ts';
import { signatureSchemeByName, type SignatureScheme } from '../signature-scheme.ts';
import type { SignatureQuota } from '../signer.ts';
import { encodeFrame, FrameReader, frameType, jsonOf, protocolVersion, type Frame } from './framing.ts';
import { checkSocketFile } from './socket-file.ts';
import { SocketSignerError, type SocketSignerFault } from './socket-signer-error.ts';

/** What a server says of the key behind it. */
export interface SignerKey {
  readonly publicKey: KeyObject;
  readonly schemes: readonly SignatureScheme[];
  readonly quota: SignatureQuota | undefined;
}

/** What is to be signed. */
export interface ToSign {
  /** IANA's code point. */
  readonly scheme: number;
  readonly input: Uint8Array;
  /** The message that `input` was made from, of a CertificateVerify of TLS 1.3. */
  readonly content: Uint8Array | undefined;
}

/** A signature that is asked for, until it is settled. */
interface Pending extends ToSign {
  readonly resolve: (signature: Uint8Array) => void;
  readonly reject: (error: SignerError) => void;
}

/** Milliseconds between attempts to connect: the first, and the longest. Each is drawn between half and the whole of it. */
const firstDelay = 20;
const longestDelay = 1_000;

/**
 * The connection to a signer's socket: one for all signatures, and another when it breaks. What is asked for meanwhile is asked again on
 * the new one; signing twice does no harm.
 */
export class SignerLink {
  readonly #path: string;
  readonly #allowOthers: boolean;
  readonly #pending = new Map<number, Pending>();
  /** Ids of what has been sent on this connection and is not settled, and of what waits, in order. */
  readonly #sent = new Set<number>();
  #unsent: number[] = [];
  /** How many the other side takes at once. */
  #limit = 1;
  /** Whether it takes the content of a CertificateVerify, to hash it itself; a release before this one does not. */
  #takesHandshakes = false;
  #socket: Socket | undefined;
  /** Whether the other side has said hello, and not that it ends. */
  #ready = false;
  #key: SignerKey | undefined;
  #nextId = 1;
  #attempts = 0;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;
  #opened: { resolve: (key: SignerKey) => void; reject: (error: SignerError) => void } | undefined;
  /** Why there is no connection; undefined while there is one. */
  lastFailure: SignerError | undefined;

  constructor(path: string, allowOthers: boolean) {
    this.#path = path;
    this.#allowOthers = allowOthers;
  }

  /** The first connection: a failure is final. */
  connect(): Promise<SignerKey> {
    return new Promise((resolve, reject) => {
      this.#opened = { resolve, reject };
      this.#dial();
    });
  }

  sign(asked: ToSign, signal: AbortSignal): Promise<Uint8Array> {
    const id = this.#nextId;
    this.#nextId = id === 0xffffffff ? 1 : id + 1;
    const start = (pending: PendingSignature): void => {
      this.#pending.set(id, { ...asked, ...pending });
      this.#hold();
      this.#unsent.push(id);
      if (this.#ready) this.#sendWhatFits();
      else this.#dialSoon();
    };
    return pendingSignature(signal, start, () => {
      if (!this.#pending.delete(id)) return false;
      if (this.#sent.delete(id) && this.#socket?.writable) {
        this.#socket.write(encodeFrame(frameType.cancel, id));
      }
      this.#sendWhatFits();
      this.#hold();
      return true;
    });
  }

  close(error: SignerError = this.#fault('UNREACHABLE', 'the signer is closed')): void {
    this.#closed = true;
    clearTimeout(this.#timer);
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
    this.#socket?.destroy();
  }

  #dial(): void {
    this.#timer = undefined;
    const check =
      this.#key === undefined ? Promise.resolve() : checkSocketFile(this.#path, this.#allowOthers);
    check.then(
      () => {
        if (!this.#closed) this.#open();
      },
      (error: unknown) => {
        this.lastFailure = error instanceof SignerError ? error : this.#fault('UNREACHABLE', String(error));
        if (!this.#closed) this.#lost();
      },
    );
  }

  #open(): void {
    const socket = createConnection(this.#path);
    this.#socket = socket;
    this.#hold();
    const reader = new FrameReader();
    socket.on('data', (chunk: Buffer) => {
      try {
        for (const frame of reader.read(chunk)) this.#take(frame);
      } catch (cause) {
        const reason = cause instanceof Error ? cause.message : String(cause);
        const known = cause instanceof SignerError;
        this.lastFailure = known
          ? cause
          : this.#fault('PROTOCOL', `what listens there is no signer of s2n-pkey: ${reason}`, cause);
        socket.destroy();
      }
    });
    socket.on('error', (cause) => {
      this.lastFailure = this.#fault('UNREACHABLE', `cannot be reached (${cause.message})`, cause);
    });
    socket.on('end', () => socket.end());
    socket.on('close', () => {
      this.#ready = false;
      this.#socket = undefined;
      this.lastFailure ??= this.#fault('UNREACHABLE', 'the process behind it has ended the connection');
      if (!this.#closed) this.#lost();
    });
  }

  /** There is no connection. */
  #lost(): void {
    const failure = this.lastFailure ?? this.#fault('UNREACHABLE', 'it cannot be reached');
    if (this.#opened !== undefined) {
      this.#opened.reject(failure);
      this.#opened = undefined;
      return;
    }
    if (/_(WRONG_KEY|PERMISSIONS|REFUSED)$/.test(failure.code)) {
      // Waiting would not help those that wait; later ones try again.
      for (const { reject } of this.#pending.values()) reject(failure);
      this.#pending.clear();
    }
    if (this.#pending.size > 0) this.#dialSoon();
  }

  /** Connects after a while, which grows. Nobody connects for nothing: the next signature asks for it. */
  #dialSoon(): void {
    if (this.#closed || this.#timer !== undefined || this.#socket !== undefined) return;
    const most = Math.min(longestDelay, firstDelay * 2 ** Math.min(this.#attempts, 10));
    const delay = this.#attempts === 0 ? 0 : most * (0.5 + Math.random() / 2);
    this.#attempts++;
    this.#timer = setTimeout(() => this.#dial(), delay);
  }

  /** @throws SignerError or RangeError, after which the connection is of no use. */
  #take(frame: Frame): void {
    const { type, id, body } = frame;
    if (!this.#ready && type === frameType.hello) {
      this.#greet(frame);
      return;
    }
    if (!this.#ready && type === frameType.failure && id === 0) {
      const why = jsonOf(frame)?.['message'];
      throw this.#fault('REFUSED', `it refuses this process: ${typeof why === 'string' ? why : 'no reason'}`);
    }
    if (
      this.#key === undefined ||
      (type !== frameType.signature && type !== frameType.failure && type !== frameType.ending)
    ) {
      throw new RangeError(`it sent a frame of type ${type}`);
    }
    if (type === frameType.ending) {
      this.#ready = false; // New signatures go to the process that comes after it.
      return;
    }
    const pending = this.#pending.get(id);
    if (pending === undefined) return; // Cancelled, and answered meanwhile.
    this.#pending.delete(id);
    this.#sent.delete(id);
    this.#attempts = 0; // Only now: one that says hello and ends, again and again, is to be asked less and less often.
    this.#sendWhatFits();
    this.#hold();
    if (type === frameType.signature) {
      pending.resolve(Uint8Array.from(body));
      return;
    }
    const failure = jsonOf(frame);
    const code = typeof failure?.['code'] === 'string' ? failure['code'] : '';
    const message = typeof failure?.['message'] === 'string' ? failure['message'] : 'it gave no reason';
    pending.reject(
      new SignerError(`the signer behind ${this.#path} did not sign: ${message}`, {
        code: /^ERR_S2N_PKEY_[A-Z0-9_]{1,60}$/.test(code) ? code : 'ERR_S2N_PKEY_SIGNER',
      }),
    );
  }

  #greet(frame: Frame): void {
    const key = this.#readHello(frame);
    if (this.#key !== undefined && !this.#key.publicKey.equals(key.publicKey)) {
      throw this.#fault(
        'WRONG_KEY',
        'the process that came back has another key: open the signer again, with the certificate of that key',
      );
    }
    this.#key ??= key;
    this.#ready = true;
    this.lastFailure = undefined;
    this.#sent.clear();
    this.#unsent = [...this.#pending.keys()];
    this.#sendWhatFits();
    this.#opened?.resolve(key);
    this.#opened = undefined;
    this.#hold();
  }

  #readHello(frame: Frame): SignerKey {
    const hello = jsonOf(frame);
    if (hello?.['version'] !== protocolVersion) {
      const given = typeof hello?.['version'] === 'number' ? String(hello['version']) : 'none';
      throw this.#fault(
        'PROTOCOL',
        `it speaks version ${given} of the protocol, this process ${protocolVersion}: use one release of s2n-pkey on both sides`,
      );
    }
    const { publicKey: spki, schemes, inFlight } = hello;
    const quota = readOption('quota', quotaOption, hello['quota']);
    if (typeof spki !== 'string' || !Array.isArray(schemes)) throw new RangeError('its hello has no key');
    this.#limit = typeof inFlight === 'number' && inFlight >= 1 ? inFlight : 1;
    this.#takesHandshakes = hello['handshakes'] === true;
    const names = schemes.filter(
      (name): name is SignatureScheme =>
        typeof name === 'string' && signatureSchemeByName(name) !== undefined,
    );
    const publicKey = readPublicKey(Buffer.from(spki, 'base64'));
    return { publicKey, schemes: Object.freeze(names), quota };
  }

  #sendWhatFits(): void {
    while (this.#ready && this.#sent.size < this.#limit) {
      const id = this.#unsent.shift();
      if (id === undefined) return;
      const pending = this.#pending.get(id);
      if (pending === undefined) continue; // Given up while it waited.
      this.#sent.add(id);
      this.#socket?.write(this.#frameOf(id, pending));
    }
  }

  #frameOf(id: number, { scheme, input, content }: ToSign): Buffer {
    const code = Buffer.of(scheme >> 8, scheme & 0xff);
    return content !== undefined && this.#takesHandshakes
      ? encodeFrame(frameType.signHandshake, id, Buffer.concat([code, content]))
      : encodeFrame(frameType.sign, id, Buffer.concat([code, input]));
  }

  /** The process stays for signatures under way, and for nothing else. */
  #hold(): void {
    const wanted = this.#pending.size > 0 || this.#opened !== undefined;
    if (wanted) this.#socket?.ref();
    else this.#socket?.unref();
  }

  #fault(fault: SocketSignerFault, what: string, cause?: unknown): SocketSignerError {
    return new SocketSignerError(
      fault,
      this.#path,
      `${this.#path}: ${what}`,
      cause === undefined ? {} : { cause },
    );
  }
}
