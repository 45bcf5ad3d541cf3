/** What the local KMS has been asked, by operation: for tests that count `Sign` calls. */

export interface OperationCounters {
  /** Requests answered, or left without an answer on purpose. */
  readonly requests: number;
  /**
   * How they ended: `ok`, the type of an error (`ThrottlingException`), or the misbehaviour that left the client without
   * a whole answer (`hang`, `reset`, `truncate`).
   */
  readonly outcomes: Readonly<Record<string, number>>;
  /** Requests under way. One that hangs is under way until its connection ends. */
  readonly inFlight: number;
  /** The most requests that were ever under way at once. */
  readonly maxInFlight: number;
}

/** By operation (`Sign`); requests that name no operation of KMS are under `unknown`. */
export type CountersSnapshot = Readonly<Record<string, OperationCounters>>;

class Counter {
  #requests = 0;
  #inFlight = 0;
  #maxInFlight = 0;
  readonly #outcomes = new Map<string, number>();

  begin(): void {
    this.#inFlight += 1;
    if (this.#inFlight > this.#maxInFlight) this.#maxInFlight = this.#inFlight;
  }

  end(outcome: string): void {
    this.#requests += 1;
    this.#inFlight -= 1;
    this.#outcomes.set(outcome, (this.#outcomes.get(outcome) ?? 0) + 1);
  }

  reset(): void {
    this.#requests = 0;
    this.#maxInFlight = this.#inFlight;
    this.#outcomes.clear();
  }

  snapshot(): OperationCounters {
    return {
      requests: this.#requests,
      outcomes: Object.fromEntries(this.#outcomes),
      inFlight: this.#inFlight,
      maxInFlight: this.#maxInFlight,
    };
  }
}

export class Counters {
  readonly #counters = new Map<string, Counter>();

  /** A request has arrived. Returns what to call, once, with its outcome. */
  begin(operation: string): (outcome: string) => void {
    let counter = this.#counters.get(operation);
    if (counter === undefined) {
      counter = new Counter();
      this.#counters.set(operation, counter);
    }
    counter.begin();
    return counter.end.bind(counter);
  }

  snapshot(): CountersSnapshot {
    return Object.fromEntries([...this.#counters].map(([name, counter]) => [name, counter.snapshot()]));
  }

  /** Back to zero, except what is under way. */
  reset(): void {
    for (const counter of this.#counters.values()) counter.reset();
  }
}
