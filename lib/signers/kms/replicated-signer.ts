import type { KeyObject } from 'node:crypto';
import { circuitBreakerSchema, type CircuitBreakerOptions } from '../admission/circuit-breaker.ts';
import { anything, fraction, group } from '../../options/kinds.ts';
import { readOptionsObject, type SchemaOf } from '../../options/option.ts';
import { abortedError } from '../aborted-error.ts';
import { closedError } from '../closed-error.ts';
import { extraRequest } from '../extra-requests.ts';
import { defaultQuota } from '../signature-quota.ts';
import type { SignatureScheme } from '../signature-scheme.ts';
import type { PrivateKeyOperation, Signer, SignerState, SignOptions } from '../signer.ts';
import type { KmsSigner, KmsSignerOptions } from './kms-signer.ts';
import { checkSameKey, isRetryableElsewhere, isRetryableLater, Replica } from './replica.ts';

export interface ReplicasOptions {
  /** The key in each Region, as `KmsSigner.open` takes it: the one to sign with first, and those to turn to after it. Two or more. */
  readonly replicas: readonly KmsSignerOptions[];
  /** Milliseconds one signature may take, whichever Region makes it; 5,000 unless given. Each has an even part of what is left. */
  readonly timeout?: number;
  /** How long a Region that failed is left out before one signature is tried there again. */
  readonly circuitBreaker?: CircuitBreakerOptions;
}

/**
 * A multi-Region key of AWS KMS that signs in the first of its Regions that can. Any failure of a Region (no answer in its part of
 * the time, throttled, access denied, the key disabled there) has the same signature made in the next, and leaves that Region out until
 * a signature that is tried there is made again. https://docs.aws.amazon.com/kms/latest/developerguide/multi-region-keys-overview.html
 */
export class ReplicatedSigner implements Signer {
  readonly publicKey: KeyObject;
  readonly schemes: readonly SignatureScheme[];
  readonly quota = defaultQuota;
  readonly #replicas: readonly Replica[];
  readonly #timeout: number;
  #closed = false;

  private constructor(replicas: readonly Replica[], key: KmsSigner, timeout: number) {
    this.publicKey = key.publicKey;
    this.schemes = key.schemes;
    this.#replicas = replicas;
    this.#timeout = timeout;
  }

  /**
   * Opens the key in all Regions. One that cannot be reached now is opened later, and a warning tells of it (`S2N_PKEY_REPLICA`).
   *
   * @throws InvalidOptionError; KeyMismatchError when they are not the same key; KmsError when no Region can be asked, or one says
   *   that the key cannot be used there.
   */
  static async open(options: ReplicasOptions): Promise<ReplicatedSigner> {
    const { replicas, timeout } = checkOptions(options);
    const opened = await Promise.allSettled(replicas.map((replica) => replica.open()));
    try {
      const failures = opened.flatMap((one) => (one.status === 'rejected' ? [one.reason as Error] : []));
      const keys = opened.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
      const [key] = keys;
      const fatal = failures.find((error) => key === undefined || !isRetryableLater(error));
      if (fatal !== undefined) throw fatal;
      if (key === undefined) throw new TypeError('no replica was opened, and none failed');
      for (const other of keys) checkSameKey(other, key.publicKey);
      for (const { message } of failures) {
        process.emitWarning(`a replica cannot be opened yet: ${message}`, { code: 'S2N_PKEY_REPLICA' });
      }
      return new ReplicatedSigner(replicas, key, timeout);
    } catch (error) {
      for (const replica of replicas) replica.close();
      throw error;
    }
  }

  /** The ARN of the key in each Region, in the order given; undefined for one that could not be opened so far. */
  get keyArns(): readonly (string | undefined)[] {
    return this.#replicas.map(({ signer }) => signer?.keyArn);
  }

  /** Which of the replicas is the next to sign: 0 while the first works. */
  get active(): number {
    const at = this.#replicas.findIndex(({ breaker }) => breaker.state === 'closed');
    return Math.max(0, at);
  }

  /** As in `Signer`. Rejects with the last Region's failure when none signs. */
  async sign(operation: PrivateKeyOperation, { signal }: SignOptions = {}): Promise<Uint8Array> {
    if (this.#closed) throw closedError(this.#replicas.map(({ options }) => options.keyId).join(', '));
    if (signal?.aborted) throw abortedError(signal);
    const deadline = performance.now() + this.#timeout;
    const healthy = this.#replicas.filter(({ breaker }) => breaker.admits);
    // Where all have failed lately, a client that waits is worth asking each of them.
    const candidates = healthy.length > 0 ? healthy : this.#replicas;
    let failure: unknown;
    for (const [at, replica] of candidates.entries()) {
      const timeout = (deadline - performance.now()) / (candidates.length - at);
      if (timeout <= 0) break;
      if (at > 0) extraRequest(this.publicKey);
      const sign = (): Promise<Uint8Array> => replica.sign(operation, this.publicKey, timeout, signal);
      try {
        return await (healthy.length > 0 ? replica.breaker.run(sign) : sign());
      } catch (error) {
        if (signal?.aborted) throw abortedError(signal);
        if (!isRetryableElsewhere(error)) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  /** As in `Signer`: not ready while each Region is left out after a failure, and after `close()`. */
  state(): SignerState {
    if (this.#closed) return { ready: false, reason: 'the signer is closed' };
    if (this.#replicas.some(({ breaker }) => breaker.admits)) return { ready: true };
    return { ready: false, reason: 'no Region of the key has signed lately' };
  }

  /** No signature is made from now on; connections to KMS are closed, but not those of clients that were given. */
  close(): void {
    this.#closed = true;
    for (const replica of this.#replicas) replica.close();
  }

  /** For `using`: as `close`. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/** `ReplicatedSigner.open`. */
export async function openReplicas(options: ReplicasOptions): Promise<ReplicatedSigner> {
  return await ReplicatedSigner.open(options);
}

export const replicasSchema = {
  replicas: anything<readonly KmsSignerOptions[]>({
    type: 'object[]',
    expected: "two or more of what KmsSigner.open takes, such as [{ keyId: 'arn:…' }, { keyId: 'arn:…' }]",
    isRequired: true,
    fits: (value) => Array.isArray(value) && value.length >= 2,
  }),
  timeout: fraction({ least: 1, most: 2 ** 31 - 1, fallback: 5_000, of: 'milliseconds' }),
  circuitBreaker: group(circuitBreakerSchema, 'options such as { pause: 1000 }'),
} satisfies SchemaOf<ReplicasOptions>;

function checkOptions(options: ReplicasOptions): { replicas: Replica[]; timeout: number } {
  const { replicas, timeout } = readOptionsObject(replicasSchema, options, '{ replicas: […] }');
  return { replicas: replicas.map((one) => new Replica(one, options.circuitBreaker)), timeout };
}
