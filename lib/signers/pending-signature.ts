import { SignerError } from '../errors.ts';

/** How a signature that was asked for comes to its end, once. */
export interface PendingSignature {
  resolve(signature: Uint8Array): void;
  reject(error: Error): void;
}

/**
 * A signature that `start` asks for. An abort of `signal` before its end rejects it, if `giveUp` says that it was still pending.
 */
export function pendingSignature(
  signal: AbortSignal,
  start: (pending: PendingSignature) => void,
  giveUp: () => boolean,
): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      if (giveUp()) reject(new SignerError('no longer wanted', { code: 'ERR_S2N_PKEY_SIGN_ABORTED' }));
    };
    signal.addEventListener('abort', stop, { once: true });
    const settled = (): void => signal.removeEventListener('abort', stop);
    start({
      resolve: (signature) => {
        settled();
        resolve(signature);
      },
      reject: (error) => {
        settled();
        reject(error);
      },
    });
  });
}
