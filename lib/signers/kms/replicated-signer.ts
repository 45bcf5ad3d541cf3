import type { KeyObject } from 'node:crypto';
import { circuitBreakerSchema, type CircuitBreakerOptions } from '../admission/circuit-breaker.ts';
import { anything, flag, fraction, group, groupOrFalse } from '../../options/kinds.ts';
import { readOptions, readOptionsObject, type SchemaOf } from '../../options/option.ts';
import { abortedError } from '../aborted-error.ts';
import { closedError } from '../closed-error.ts';
import { extraRequest } from '../extra-requests.ts';
import { defaultQuota } from '../signature-quota.ts';
import type { SignatureScheme } from '../signature-scheme.ts';
import type { PrivateKeyOperation, SignatureQuota, Signer, SignerState, SignOptions } from '../signer.ts';
import { RetryBudget } from './client/retry-budget.ts';
import { hedged } from './hedge.ts';
import type { Hedging, KmsSigner, KmsSignerOptions } from './kms-signer.ts';
import { hedgingSchema } from './kms-signer-options.ts';
import { inOrderOfLoad } from './region-load.ts';
import { checkSameKey, isRetryableElsewhere, isRetryableLater, Replica } from './replica.ts';
import { Latencies } from './signing/attempt.ts';

export interface ReplicasOptions {
  /** The key in each Region, as `KmsSigner.open` takes it: the one to sign with first, and those to turn to after it. Two or more. */
  readonly replicas: readonly KmsSignerOptions[];
  /** Milliseconds one signature may take, whichever Region makes it; 5,000 unless given. Each has an even part of what is left. */
  readonly timeout?: number;
  /**
   * true: all Regions sign, each as much as its health, its latency and what is left of its quota allow, and a signature that takes long
   * is asked for in a second one. Off (`false`) unless given: the first Region that can signs.
   */
  readonly spread?: boolean;
  /** With `spread`: when a second Region is asked, too, and how often at most. On unless `false` is given. */
  readonly hedging?: Hedging | false;
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
  /** Of one Region, or of all of them together with `spread`. */
  readonly quota: SignatureQuota;
  readonly #spread: boolean;
  readonly #hedging: { readonly latencies: Latencies; readonly budget: RetryBudget } | undefined;
  readonly #replicas: readonly Replica[];
  readonly #timeout: number;
  #closed = false;

  private constructor({ replicas, timeout, spread, hedging }: CheckedReplicas, key: KmsSigner) {
    this.publicKey = key.publicKey;
    this.schemes = key.schemes;
    this.#replicas = replicas;
    this.#timeout = timeout;
    this.#spread = spread;
    const { perSecond, inFlight } = defaultQuota;
    const regions = spread ? replicas.length : 1;
    this.quota = { perSecond: perSecond * regions, inFlight: inFlight * regions };
    if (spread && hedging !== false) {
      const latencies = new Latencies(hedging.percentile);
      this.#hedging = { latencies, budget: new RetryBudget(hedging.share, 10, 0) };
    }
  }

  /**
   * Opens the key in all Regions. One that cannot be reached now is opened later, and a warning tells of it (`S2N_PKEY_REPLICA`).
   *
   * @throws InvalidOptionError; KeyMismatchError when they are not the same key; KmsError when no Region can be asked, or one says
   *   that the key cannot be used there.
   */
  static async open(options: ReplicasOptions): Promise<ReplicatedSigner> {
    const checked = checkOptions(options);
    const { replicas } = checked;
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
      return new ReplicatedSigner(checked, key);
    } catch (error) {
      for (const replica of replicas) replica.close();
      throw error;
    }
  }

  /** The ARN of the key in each Region, in the order given; undefined for one that could not be opened so far. */
  get keyArns(): readonly (string | undefined)[] {
    return this.#replicas.map(({ signer }) => signer?.keyArn);
  }

  /** Which of the replicas is the next to sign: 0 while the first works, and the one with least load with `spread`. */
  get active(): number {
    if (this.#spread) {
      const [next] = this.#inOrder(this.#replicas.filter(({ breaker }) => breaker.admits));
      return next === undefined ? 0 : this.#replicas.indexOf(next);
    }
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
    const candidates = this.#inOrder(healthy.length > 0 ? healthy : this.#replicas);
    const asked = new Set<Replica>();
    let failure: unknown;
    this.#hedging?.budget.deposit();
    for (const replica of candidates) {
      if (asked.has(replica)) continue;
      const timeout = (deadline - performance.now()) / (candidates.length - asked.size);
      if (timeout <= 0) break;
      const ask = (one: Replica) => (wanted: AbortSignal | undefined) => {
        if (asked.size > 0) extraRequest(this.publicKey);
        asked.add(one);
        const sign = (): Promise<Uint8Array> => this.#ask(one, operation, timeout, wanted);
        return healthy.length > 0 ? one.breaker.run(sign) : sign();
      };
      try {
        if (this.#hedging === undefined) return await ask(replica)(signal);
        return await hedged({
          ...{ signal, first: ask(replica), after: this.#hedging.latencies.value },
          second: () => {
            const others = candidates.filter((one) => !asked.has(one) && one.breaker.admits);
            const [other] = this.#inOrder(others);
            if (other === undefined || other.load.available(performance.now()) < 1) return undefined;
            return this.#hedging?.budget.withdraw() === true ? ask(other) : undefined;
          },
        });
      } catch (error) {
        if (signal?.aborted) throw abortedError(signal);
        if (!isRetryableElsewhere(error)) throw error;
        failure = error;
      }
    }
    throw failure;
  }

  #inOrder(replicas: readonly Replica[]): readonly Replica[] {
    return this.#spread ? inOrderOfLoad(replicas, performance.now()) : replicas;
  }

  async #ask(
    replica: Replica,
    operation: PrivateKeyOperation,
    timeout: number,
    signal: AbortSignal | undefined,
  ): Promise<Uint8Array> {
    const begun = performance.now();
    try {
      return await replica.sign(operation, this.publicKey, timeout, signal);
    } finally {
      this.#hedging?.latencies.add(performance.now() - begun);
    }
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
  spread: flag(false),
  hedging: groupOrFalse(hedgingSchema, 'an object such as { percentile: 0.99 }'),
} satisfies SchemaOf<ReplicasOptions>;

interface CheckedReplicas {
  readonly replicas: readonly Replica[];
  readonly timeout: number;
  readonly spread: boolean;
  readonly hedging: Required<Hedging> | false;
}

function checkOptions(options: ReplicasOptions): CheckedReplicas {
  const read = readOptionsObject(replicasSchema, options, '{ replicas: […] }');
  const { timeout, spread, hedging = readOptions(hedgingSchema, {}) } = read;
  const replicas = read.replicas.map((one) => new Replica(one, options.circuitBreaker, spread));
  return { replicas, timeout, spread, hedging };
}
