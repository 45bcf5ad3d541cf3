import type { Signer } from '../signer.ts';

/** What the checks are told beside the signer. */
export interface Checked {
  readonly concurrency: number;
  /** Milliseconds. */
  readonly patience: number;
  readonly certificate: string | undefined;
}

/** A check before it is given a signer. */
export interface Check {
  readonly name: string;
  readonly run: (signer: Signer, options: Checked) => Promise<void>;
}

/** Closes a signer that has a `close`, which is not part of the interface; false when it has none. */
export async function closeSigner(signer: object): Promise<boolean> {
  if (!('close' in signer) || typeof signer.close !== 'function') return false;
  await (signer.close as () => unknown)();
  return true;
}
