import type { SignerError } from '../errors.ts';
import { milliseconds } from '../options/kinds.ts';
import { abortedError } from './aborted-error.ts';

/** Milliseconds that one signature, or the opening of a signer, may take. */
export const timeoutOption = milliseconds({ least: 1, fallback: 5_000 });

export interface Deadline {
  /** Whoever asks, and may stop asking. */
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds. */
  readonly timeout: number;
  /** The rejection once they have passed. */
  readonly timedOut: (milliseconds: number) => SignerError;
}

/**
 * Does `work`, and rejects at once when its time is up or `signal` is aborted, whether or not the work heeds the signal that it is
 * given. What it then still comes to is dropped.
 */
export async function withDeadline<T>(
  { signal, timeout, timedOut }: Deadline,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  if (signal?.aborted) throw abortedError(signal);
  const controller = new AbortController();
  let give: (error: SignerError) => void = () => undefined;
  const given = new Promise<never>((_, reject) => (give = reject));
  given.catch(() => undefined); // It may come when the work is done.
  const end = (error: SignerError): void => {
    give(error);
    controller.abort(error);
  };
  const abort = (): void => {
    if (signal !== undefined) end(abortedError(signal));
  };
  const timer = setTimeout(() => end(timedOut(timeout)), timeout);
  signal?.addEventListener('abort', abort, { once: true });
  try {
    const done = work(controller.signal);
    done.catch(() => undefined);
    return await Promise.race([done, given]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', abort);
  }
}
