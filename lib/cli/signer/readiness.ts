import { randomBytes } from 'node:crypto';
import { signatureSchemeByName, type SignatureScheme } from '../../signers/signature-scheme.ts';
import type { Signer } from '../../signers/signer.ts';

/** Milliseconds since the last signature for which the service counts as ready. */
export const readyFor = 60_000;

/** Knows when the signer has signed last. */
export class Readiness {
  readonly #now: () => number;
  #lastSuccess: number | undefined;

  /** @param now in milliseconds since 1970 */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  signed(): void {
    this.#lastSuccess = this.#now();
  }

  /** In milliseconds since 1970. */
  get lastSuccess(): number | undefined {
    return this.#lastSuccess;
  }

  get isReady(): boolean {
    return this.since < readyFor;
  }

  /** Milliseconds since the last signature. */
  get since(): number {
    return this.#lastSuccess === undefined ? Infinity : this.#now() - this.#lastSuccess;
  }
}

/**
 * Has the signer sign something that means nothing: random bytes in place of a digest, of which nobody knows a message. A signature
 * of them is of no use to anybody.
 */
export async function probe(signer: Signer, schemes: readonly SignatureScheme[]): Promise<void> {
  const facts = schemes.map(signatureSchemeByName).find((found) => found !== undefined);
  if (facts === undefined) throw new TypeError('the signer has no scheme');
  const { name: scheme, inputKind, inputLength } = facts;
  const signal = AbortSignal.timeout(30_000);
  await signer.sign({ scheme, inputKind, input: randomBytes(inputLength) }, { signal });
}
