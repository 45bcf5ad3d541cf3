/** What stands in a line knows its neighbours, so that it can leave from anywhere in it at once. */
export interface Waiter<W> {
  before: W | undefined;
  after: W | undefined;
}

/** Those who wait, the oldest first. */
export class WaitingLine<W extends Waiter<W>> {
  #length = 0;
  #oldest: W | undefined;
  #newest: W | undefined;

  get length(): number {
    return this.#length;
  }

  get oldest(): W | undefined {
    return this.#oldest;
  }

  get newest(): W | undefined {
    return this.#newest;
  }

  append(waiter: W): void {
    waiter.before = this.#newest;
    if (this.#newest) this.#newest.after = waiter;
    else this.#oldest = waiter;
    this.#newest = waiter;
    this.#length++;
  }

  /** Takes out one that is in the line. */
  remove(waiter: W): void {
    const { before, after } = waiter;
    if (before) before.after = after;
    else this.#oldest = after;
    if (after) after.before = before;
    else this.#newest = before;
    waiter.before = waiter.after = undefined;
    this.#length--;
  }
}
