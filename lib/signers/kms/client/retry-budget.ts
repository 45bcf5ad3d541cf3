/**
 * A bucket of tokens that keeps extra requests (retries, hedges) to a share of all requests, so that a KMS that has a bad time is not
 * asked several times as much for it ("retry quota" of the AWS SDKs; "Timeouts, retries and backoff with jitter", Amazon Builders' Library).
 */
export class RetryBudget {
  readonly #share: number;
  readonly #most: number;
  readonly #perSecond: number;
  readonly #now: () => number;
  #tokens: number;
  #counted: number;

  /**
   * @param share of requests that may have an extra one: 0.2 is one in five.
   * @param most tokens the bucket holds, and has at the start.
   * @param perSecond tokens that come by themselves, for servers with few requests.
   * @param now milliseconds of a monotonic clock.
   */
  constructor(share: number, most: number, perSecond: number, now = (): number => performance.now()) {
    this.#now = now;
    this.#counted = now();
    this.#share = share;
    this.#most = most;
    this.#perSecond = perSecond;
    this.#tokens = most;
  }

  /** A request was begun that is no extra one. */
  deposit(): void {
    if (this.#tokens < this.#most) this.#tokens = Math.min(this.#most, this.#tokens + this.#share);
  }

  /** Whether an extra request may be made; if so, it is counted. */
  withdraw(): boolean {
    const now = this.#now();
    const grown = this.#tokens + ((now - this.#counted) / 1000) * this.#perSecond;
    this.#counted = now;
    this.#tokens = Math.min(this.#most, grown);
    if (this.#tokens < 1) return false;
    this.#tokens -= 1;
    return true;
  }
}
