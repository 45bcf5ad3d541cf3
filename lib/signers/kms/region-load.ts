import { AdaptiveRate } from '../admission/adaptive-rate.ts';
import { TokenBucket } from '../admission/token-bucket.ts';
import { defaultQuota } from '../signature-quota.ts';

/** Milliseconds in which a latency that is not measured again falls to a third, so that a slow Region is tried again. */
const forgetting = 10_000;

/**
 * What is known of a Region that signs: how long it takes, what is pending there, and what is left of its quota. Times are milliseconds
 * of one monotonic clock.
 */
export class RegionLoad {
  readonly #adaptive = new AdaptiveRate();
  readonly #tokens: TokenBucket;
  #taken = 1;
  #latency = 1;
  #measuredAt: number;
  #pending = 0;

  constructor(now: number) {
    const { perSecond } = defaultQuota;
    this.#tokens = new TokenBucket(perSecond, perSecond, now);
    this.#measuredAt = now;
  }

  /** Signatures that are left of its quota now. */
  available(now: number): number {
    const taken = this.#adaptive.part(now);
    if (taken !== this.#taken) {
      this.#taken = taken;
      this.#tokens.change(defaultQuota.perSecond * taken, defaultQuota.perSecond * taken, now);
    }
    return this.#tokens.available(now);
  }

  /** How long one more signature may take, in comparison with other Regions. */
  cost(now: number): number {
    return this.#latencyAt(now) * (this.#pending + 1);
  }

  begin(now: number): void {
    this.available(now);
    this.#tokens.take();
    this.#pending++;
  }

  /** A signature that took so many milliseconds, or was given up after them. */
  end(now: number, milliseconds: number): void {
    this.#pending--;
    // The worst of late counts at once, and fades (peak EWMA, as in Finagle): waiting for a mean would send more to a Region that hangs.
    const known = this.#latencyAt(now);
    const mean = known + (milliseconds - known) * 0.2;
    this.#latency = Math.max(1, milliseconds > known ? milliseconds : mean);
    this.#measuredAt = now;
  }

  /** KMS throttled a request there. */
  throttled(now: number): void {
    this.#adaptive.refused(now, 1 / defaultQuota.perSecond);
  }

  #latencyAt(now: number): number {
    return Math.max(1, this.#latency * Math.exp((this.#measuredAt - now) / forgetting));
  }
}

/** The Regions in the order to ask them: those with something left of their quota first, and of those the quickest. */
export function inOrderOfLoad<R extends { readonly load: RegionLoad }>(
  regions: readonly R[],
  now: number,
): R[] {
  const ranked = regions.map((region) => {
    const { load } = region;
    return { region, isFull: load.available(now) < 1, cost: load.cost(now) };
  });
  ranked.sort((one, other) => Number(one.isFull) - Number(other.isFull) || one.cost - other.cost);
  return ranked.map(({ region }) => region);
}
