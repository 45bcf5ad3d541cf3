/** One series of a counter or gauge. */
export class Value {
  readonly labels: readonly string[];
  value = 0;

  constructor(labels: readonly string[]) {
    this.labels = labels;
  }
}

/** One series of a histogram. */
export class Distribution {
  readonly labels: readonly string[];
  /** The count of each bucket by itself. The last has the values above all bounds. */
  readonly counts: number[];
  sum = 0;
  count = 0;
  readonly #bounds: readonly number[];

  constructor(labels: readonly string[], bounds: readonly number[]) {
    this.labels = labels;
    this.#bounds = bounds;
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  record(value: number): void {
    const bounds = this.#bounds;
    let bucket = 0;
    while (bucket < bounds.length && value > (bounds[bucket] ?? Infinity)) bucket++;
    this.counts[bucket] = (this.counts[bucket] ?? 0) + 1;
    this.sum += value;
    this.count++;
  }

  /** Adds the counts of a series with the same bounds. */
  merge(counts: readonly number[], sum: number): void {
    for (const [bucket, count] of counts.entries()) {
      this.counts[bucket] = (this.counts[bucket] ?? 0) + count;
      this.count += count;
    }
    this.sum += sum;
  }
}

/** All series of one metric, by the values of their labels. */
export class Family<S extends Value | Distribution> {
  readonly #series = new Map<string, S>();
  readonly #make: (labels: readonly string[]) => S;

  constructor(make: (labels: readonly string[]) => S) {
    this.#make = make;
  }

  of(labels: readonly string[]): S {
    const key = labels.length === 1 ? (labels[0] ?? '') : labels.join('\0');
    let series = this.#series.get(key);
    if (!series) {
      series = this.#make(labels);
      this.#series.set(key, series);
    }
    return series;
  }

  get all(): Iterable<S> {
    return this.#series.values();
  }
}
