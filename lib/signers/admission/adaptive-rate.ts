/** Milliseconds after a cut in which refusals change nothing: they are of requests that were sent before it. */
const settling = 200;

/** What is left of the rate after a refusal. */
const cut = 0.7;

/** Part of the whole rate that comes back in the first second. */
const growth = 1 / 400;

/** Seconds after which it comes back twice as fast as at first, and so on. */
const quickening = 10;

/**
 * The part of a rate to use, from what the service says: it refuses a request for its rate, and less is used; it refuses none, and more
 * is tried (additive increase, multiplicative decrease: Chiu and Jain, 1989). Machines that do so come to equal parts of a quota without
 * knowing of each other: a cut takes more from those that have more, and growth gives the same to each.
 *
 * Growth quickens, so that a machine finds what others no longer use within two minutes, and hardly asks too much in between.
 */
export class AdaptiveRate {
  #part = 1;
  #cutAt = -Infinity;

  /** 0–1. Times are milliseconds of one monotonic clock. */
  part(now: number): number {
    if (this.#part === 1) return 1;
    const seconds = Math.max(0, now - this.#cutAt) / 1000;
    const grown = this.#part + growth * seconds * (1 + seconds / (2 * quickening));
    // Exactly 1 again, so that nothing is computed while nothing is refused.
    if (grown >= 1) this.#part = 1;
    return Math.min(1, grown);
  }

  /** A request was refused for its rate. `least`: the part that is left in any case. */
  refused(now: number, least: number): void {
    if (now - this.#cutAt < settling) return;
    this.#part = Math.min(1, Math.max(least, this.part(now) * cut));
    this.#cutAt = now;
  }
}
