import type { KeyObject } from 'node:crypto';
import { CircuitBreaker, type CircuitBreakerOptions } from '../admission/circuit-breaker.ts';
import { KeyMismatchError, SignerError } from '../../errors.ts';
import type { PrivateKeyOperation } from '../signer.ts';
import { withDeadline } from '../deadline.ts';
import { KmsError } from './client/kms-error.ts';
import { KmsSigner, type KmsSignerOptions } from './kms-signer.ts';
import { RegionLoad } from './region-load.ts';

/** Failures that another Region would answer with, too, or that nobody waits for any more. */
const sameEverywhere: ReadonlySet<string> = new Set([
  'ERR_S2N_PKEY_OPERATION_INVALID',
  'ERR_S2N_PKEY_SIGN_ABORTED',
  'ERR_S2N_PKEY_SIGNER_CLOSED',
]);

/** Whether another replica may do better. */
export function isRetryableElsewhere(error: unknown): boolean {
  return !(error instanceof SignerError && sameEverywhere.has(error.code));
}

/** Whether the quota of a Region is the reason. */
function isThrottle(error: unknown): boolean {
  return error instanceof SignerError && error.code === 'ERR_S2N_PKEY_KMS_THROTTLED';
}

/** Failures with which a Region may start up, since the others can sign meanwhile. */
const passing: ReadonlySet<string> = new Set([
  'ERR_S2N_PKEY_KMS_UNREACHABLE',
  'ERR_S2N_PKEY_KMS_TIMEOUT',
  'ERR_S2N_PKEY_KMS_UNAVAILABLE',
  'ERR_S2N_PKEY_KMS_THROTTLED',
]);

/** Whether a replica that could not be opened may be opened later. */
export function isRetryableLater(error: unknown): boolean {
  return error instanceof KmsError && passing.has(error.code);
}

/** The key in one Region: opened when it can be, and left out after a failure until it works again. */
export class Replica {
  readonly options: KmsSignerOptions;
  readonly breaker: CircuitBreaker;
  readonly load = new RegionLoad(performance.now());
  #signer: KmsSigner | undefined;
  #opening: Promise<KmsSigner> | undefined;
  #closed = false;

  /** `spread`: a Region that throttles still signs as much as its quota allows, and is not left out. */
  constructor(options: KmsSignerOptions, breaker: CircuitBreakerOptions | undefined, spread: boolean) {
    this.options = options;
    this.breaker = new CircuitBreaker(
      breaker,
      spread ? (error) => isRetryableElsewhere(error) && !isThrottle(error) : isRetryableElsewhere,
    );
    this.breaker.key = options.keyId;
  }

  /** Undefined until it could be opened. */
  get signer(): KmsSigner | undefined {
    return this.#signer;
  }

  /**
   * Opens it, if need be.
   *
   * @throws as `KmsSigner.open`; KeyMismatchError for another key than `publicKey`.
   */
  async open(publicKey?: KeyObject): Promise<KmsSigner> {
    if (this.#signer) return this.#signer;
    this.#opening ??= KmsSigner.open({ ...this.options, circuitBreaker: false });
    try {
      const signer = await this.#opening;
      if (this.#closed) signer.close();
      else if (publicKey) checkSameKey(signer, publicKey);
      // The quota of one Region says nothing about the others: a server hears only of signatures that none made.
      signer.onThrottle = () => this.load.throttled(performance.now());
      this.#signer = signer;
      return signer;
    } finally {
      this.#opening = undefined;
    }
  }

  /**
   * @throws what `open` and `KmsSigner.sign` do, and a KmsError `ERR_S2N_PKEY_KMS_TIMEOUT` after `timeout` milliseconds.
   */
  async sign(
    operation: PrivateKeyOperation,
    publicKey: KeyObject,
    timeout: number,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array> {
    const deadline = { signal, timeout, timedOut: () => this.#timeoutError(timeout) };
    const begun = performance.now();
    this.load.begin(begun);
    try {
      return await withDeadline(deadline, async (ended) => {
        const signer = await this.open(publicKey);
        return await signer.sign(operation, { signal: ended });
      });
    } finally {
      const now = performance.now();
      this.load.end(now, now - begun);
    }
  }

  close(): void {
    this.#closed = true;
    this.#signer?.close();
  }

  #timeoutError(timeout: number): KmsError {
    const { keyId, region, endpoint } = this.options;
    return new KmsError(
      'ERR_S2N_PKEY_KMS_TIMEOUT',
      `Sign with ${[keyId, region, endpoint].filter((one) => one !== undefined).join(', ')} was not answered within ` +
        `${Math.round(timeout)} ms, its part of the time that a signature may take.`,
      { operation: 'Sign', keyId },
    );
  }
}

/** @throws KeyMismatchError; the signer is closed then. */
export function checkSameKey(signer: KmsSigner, publicKey: KeyObject): void {
  if (signer.publicKey.equals(publicKey)) return;
  signer.close();
  throw new KeyMismatchError(
    `${signer.keyArn} is another key than the first of the replicas: all must be the same multi-Region key (ids that begin with ` +
      'mrk-), so that they sign for one certificate',
  );
}
