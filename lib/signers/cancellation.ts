import type { SignOptions } from './signer.ts';

/** What an AbortSignal tells, and an AbortSignal is one; but one of these costs nothing to make. */
export interface Cancellation {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

const ofOptions = Symbol('cancellation');

/** Options whose AbortSignal is made only for signers that ask for it: most never abort, and one takes longer than the rest of the crossing. */
export function cancellableOptions(cancellation: Cancellation, signal: () => AbortSignal): SignOptions {
  const options = {
    get signal() {
      return signal();
    },
  };
  // Not enumerable: whoever copies the options, perhaps with a signal of their own, is heard by that.
  return Object.defineProperty(options, ofOptions, { value: cancellation });
}

/** As told by `signal`, without having one made. */
export function cancellationOf(
  options: SignOptions & { readonly [ofOptions]?: Cancellation },
): Cancellation | undefined {
  return options[ofOptions] ?? options.signal;
}
