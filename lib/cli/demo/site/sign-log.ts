import { EventEmitter } from 'node:events';
import { performance } from 'node:perf_hooks';
import type { PrivateKeyOperation, Signer, SignOptions } from '../../../signers/signer.ts';

/** One Sign call, as the page shows it. */
export interface LoggedSign {
  /** From 1 on. */
  readonly number: number;
  /** When it was answered: milliseconds since the epoch. */
  readonly at: number;
  readonly purpose: string;
  readonly scheme: string;
  /** Milliseconds. */
  readonly took: number;
}

/** A signer that remembers another one's calls, and tells of each: `'sign'`, with a `LoggedSign`. */
export class SignLog extends EventEmitter implements Signer {
  readonly publicKey;
  readonly schemes;
  /** What the calls to come are for. */
  purpose = 'handshake';
  readonly #signer: Signer;
  readonly #past: LoggedSign[] = [];
  #number = 0;

  constructor(signer: Signer) {
    super();
    this.setMaxListeners(0); // one a page that is open
    this.publicKey = signer.publicKey;
    this.schemes = signer.schemes;
    this.#signer = signer;
  }

  /** The latest, in order. */
  get past(): readonly LoggedSign[] {
    return this.#past;
  }

  async sign(operation: PrivateKeyOperation, options?: SignOptions): Promise<Uint8Array> {
    const { purpose } = this;
    const asked = performance.now();
    const signature = await this.#signer.sign(operation, options);
    const took = performance.now() - asked;
    const call = { number: ++this.#number, at: Date.now(), purpose, scheme: operation.scheme, took };
    this.#past.push(call);
    if (this.#past.length > 12) this.#past.shift();
    this.emit('sign', call);
    return signature;
  }
}
