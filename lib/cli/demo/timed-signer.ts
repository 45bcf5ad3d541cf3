import { performance } from 'node:perf_hooks';
import type { PrivateKeyOperation, Signer, SignOptions } from '../../signers/signer.ts';

/** One call of a signer. Times in milliseconds of `performance.now()`. */
export interface SignCall {
  readonly scheme: string;
  readonly asked: number;
  readonly answered: number;
}

/** A signer that keeps the time of another one's calls. */
export class TimedSigner implements Signer {
  readonly publicKey;
  readonly schemes;
  readonly calls: SignCall[] = [];
  readonly #signer: Signer;

  constructor(signer: Signer) {
    this.publicKey = signer.publicKey;
    this.schemes = signer.schemes;
    this.#signer = signer;
  }

  async sign(operation: PrivateKeyOperation, options?: SignOptions): Promise<Uint8Array> {
    const asked = performance.now();
    const signature = await this.#signer.sign(operation, options);
    this.calls.push({ scheme: operation.scheme, asked, answered: performance.now() });
    return signature;
  }
}
