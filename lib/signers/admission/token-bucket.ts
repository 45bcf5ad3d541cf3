/**
 * So many a second, and after a pause up to `burst` at once. Times are milliseconds of one monotonic clock, given by the
 * caller, who reads it once for several buckets.
 */
export class TokenBucket {
  #perMillisecond: number;
  #burst: number;
  #tokens: number;
  #at: number;

  constructor(perSecond: number, burst: number, now: number) {
    this.#perMillisecond = perSecond / 1000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#at = now;
  }

  /** From now on. What there is beyond the new `burst` is lost. */
  change(perSecond: number, burst: number, now: number): void {
    const tokens = this.#refill(now);
    this.#perMillisecond = perSecond / 1000;
    this.#burst = burst;
    this.#tokens = Math.min(tokens, burst);
  }

  available(now: number): number {
    return this.#refill(now);
  }

  has(now: number): boolean {
    return this.#refill(now) >= 1;
  }

  take(): void {
    this.#tokens -= 1;
  }

  isFull(now: number): boolean {
    return this.#refill(now) >= this.#burst;
  }

  /** Milliseconds until there are `count` tokens; 0: there are now. */
  wait(now: number, count = 1): number {
    const missing = count - this.#refill(now);
    return missing <= 0 ? 0 : missing / this.#perMillisecond;
  }

  #refill(now: number): number {
    if (now > this.#at) {
      this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) * this.#perMillisecond);
      this.#at = now;
    }
    return this.#tokens;
  }
}
