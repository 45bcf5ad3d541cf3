/** How many latencies are remembered. */
const kept = 512;

/** From how many on a percentile of them is told. */
const enough = 50;

/** After how many new ones it is counted anew. */
const every = 32;

/** A percentile of recent latencies. */
export class Latencies {
  readonly #percentile: number;
  readonly #ring = new Float64Array(kept);
  #count = 0;
  #value: number | undefined;

  /** @param percentile 0–1. */
  constructor(percentile: number) {
    this.#percentile = percentile;
  }

  add(milliseconds: number): void {
    this.#ring[this.#count % kept] = milliseconds;
    this.#count += 1;
    if (this.#count >= enough && (this.#value === undefined || this.#count % every === 0)) {
      const sorted = this.#ring.slice(0, Math.min(this.#count, kept)).sort();
      this.#value = sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * this.#percentile))];
    }
  }

  /** Milliseconds; undefined as long as too few latencies are known. */
  get value(): number | undefined {
    return this.#value;
  }
}
