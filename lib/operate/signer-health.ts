import { proveSigning } from '../signers/signing-proof.ts';
import { SignerError } from '../errors.ts';
import type { Signer } from '../signers/signer.ts';
import { recordOf, type SignerRecord } from '../signers/signer-record.ts';

/** How a signer is. */
export interface SignerHealth {
  readonly ready: boolean;
  /** Why it is not ready. */
  readonly reason: string | undefined;
  /** For a key in KMS. */
  readonly keyArn: string | undefined;
  /** Milliseconds since its last signature for a handshake or a probe; undefined before the first. */
  readonly lastSuccessMs: number | undefined;
  /** Its last failure: the code of the error, and how long ago that was. */
  readonly lastFailure: { readonly code: string; readonly ms: number } | undefined;
}

/** Milliseconds after which a probe without an answer has failed. */
const PROBE_LIMIT = 10_000;

/** For each signer, when its last probe began. */
const probes = new WeakMap<Signer, number>();

/**
 * @param window Milliseconds that a success or a failure counts for.
 * @param probeEvery Undefined: never asks for a signature by itself.
 */
export function signerHealth(
  signer: Signer,
  window: number,
  probeEvery: number | undefined,
  now: number,
): SignerHealth {
  const record = recordOf(signer);
  if (probeEvery !== undefined) probeIfDue(signer, record, probeEvery, now);
  const { succeededAt, failedAt, failure = '' } = record;
  const reason = reasonOf(signer, record, window, now);
  return {
    ready: reason === undefined,
    reason,
    keyArn: 'keyArn' in signer && typeof signer.keyArn === 'string' ? signer.keyArn : undefined,
    lastSuccessMs: succeededAt === undefined ? undefined : now - succeededAt,
    lastFailure: failedAt === undefined ? undefined : { code: failure, ms: now - failedAt },
  };
}

function reasonOf(signer: Signer, record: SignerRecord, window: number, now: number): string | undefined {
  try {
    const { ready, reason } = signer.state?.() ?? { ready: true };
    if (!ready) return reason ?? 'the signer says that it is not ready';
  } catch {
    return 'state() of the signer throws';
  }
  const { succeededAt = -Infinity, failedAt = -Infinity, failure = '' } = record;
  if (failedAt < succeededAt || now - succeededAt <= window || now - failedAt > window) return undefined;
  const since =
    succeededAt === -Infinity ? '' : `, and none has succeeded for ${secondsOf(now - succeededAt)} s`;
  return `the last signature failed ${secondsOf(now - failedAt)} s ago (${failure})${since}`;
}

function secondsOf(milliseconds: number): number {
  return Math.round(milliseconds / 1000);
}

/** Signs in the background, if nothing was signed for `every` milliseconds. The next call of `health` sees how it went. */
function probeIfDue(signer: Signer, record: SignerRecord, every: number, now: number): void {
  const last = Math.max(record.succeededAt ?? -Infinity, probes.get(signer) ?? -Infinity);
  if (now - last < every) return;
  probes.set(signer, now);
  const scheme = signer.schemes[0];
  if (scheme === undefined) return;
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new SignerError('the probe was not answered', { code: 'ERR_S2N_PKEY_HEALTH_TIMEOUT' }));
    }, PROBE_LIMIT).unref();
  });
  Promise.race([proveSigning(signer, scheme), late])
    .then(
      () => record.succeeded(),
      (error: unknown) => record.failed(error),
    )
    .finally(() => clearTimeout(timer));
}
