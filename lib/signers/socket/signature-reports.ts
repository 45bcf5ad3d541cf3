import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { channelNames } from '../../observe/channels/channels.ts';
import type { ServedSignature } from './serve-signer-options.ts';

/** What becomes known of a signature while it is made. */
interface Making {
  requestId: string | undefined;
}

/** Calls a hook for each signature, with the id of the request to KMS that made it. */
export class SignatureReports {
  readonly #hook: (signature: ServedSignature) => void;
  readonly #making = new AsyncLocalStorage<Making>();
  #hasFailed = false;

  constructor(hook: (signature: ServedSignature) => void) {
    this.#hook = hook;
    subscribe(channelNames.kmsAttempt, this.#attempted);
  }

  /** Makes a signature, and notes in `making` what it is told of meanwhile. */
  make(making: Making, sign: () => Promise<Uint8Array>): Promise<Uint8Array> {
    return this.#making.run(making, sign);
  }

  report(signature: ServedSignature): void {
    try {
      this.#hook(signature);
    } catch (error) {
      // A hook's fault must not keep anybody from signing.
      if (this.#hasFailed) return;
      this.#hasFailed = true;
      const reason = error instanceof Error ? error.message : String(error);
      process.emitWarning(`onSignature of serveSigner threw, and is called again for the next: ${reason}`, {
        code: 'S2N_PKEY_ON_SIGNATURE',
      });
    }
  }

  close(): void {
    unsubscribe(channelNames.kmsAttempt, this.#attempted);
  }

  readonly #attempted = (message: unknown): void => {
    const making = this.#making.getStore();
    if (making === undefined || typeof message !== 'object' || message === null) return;
    // What is abandoned for a hedge that was quicker has no id of its own.
    if ('requestId' in message && typeof message.requestId === 'string') making.requestId = message.requestId;
  };
}
