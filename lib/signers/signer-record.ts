import { SignerError } from '../errors.ts';
import type { Signer } from './signer.ts';

/** Failures that say nothing about the signer: the client went, or the signer was not asked. */
const notOfSigner: ReadonlySet<string> = new Set([
  'ERR_S2N_PKEY_SIGN_ABORTED',
  'ERR_S2N_PKEY_SIGNER_CIRCUIT_OPEN',
  'ERR_S2N_PKEY_OPERATION_INVALID',
  'ERR_S2N_PKEY_SOCKET_SIGNER_NOT_A_HANDSHAKE',
]);

/** How the last signatures of a signer went, whatever server asked for them. Times as `performance.now()` counts them. */
export class SignerRecord {
  succeededAt: number | undefined;
  failedAt: number | undefined;
  /** The code of the last failure. Never a message, which may repeat what a service said. */
  failure: string | undefined;

  succeeded(now = performance.now()): void {
    this.succeededAt = now;
  }

  failed(error: unknown, now = performance.now()): void {
    const code = error instanceof SignerError ? error.code : 'ERR_S2N_PKEY_SIGNER';
    if (notOfSigner.has(code)) return;
    this.failedAt = now;
    this.failure = code;
  }
}

const records = new WeakMap<Signer, SignerRecord>();

/** The record of this signer, which is empty before its first signature. */
export function recordOf(signer: Signer): SignerRecord {
  let record = records.get(signer);
  if (!record) records.set(signer, (record = new SignerRecord()));
  return record;
}
