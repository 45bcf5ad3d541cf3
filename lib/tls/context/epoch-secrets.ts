import { timingSafeEqual } from 'node:crypto';
import { deriveBytes } from './derive-bytes.ts';
import { TICKET_KEY_BYTES, type TicketKey } from './ticket-keys.ts';

const info = Buffer.from('s2n-pkey fleet ticket key');

/** The secrets of the epochs that a server needs, each for as long as tickets of it may come. */
export class EpochSecrets {
  /** Seconds of an epoch. */
  readonly turn: number;
  readonly #sessionSeconds: number;
  readonly #before: number;
  readonly #ahead: number;
  readonly #keys = new Map<number, TicketKey>();
  /** Epochs whose secrets are asked for again. */
  readonly #stale = new Set<number>();

  /**
   * @param sessionSeconds how long a ticket may come after its key has stopped to encrypt.
   * @param reachSeconds how long the keys last without another secret.
   */
  constructor(turn: number, sessionSeconds: number, reachSeconds: number) {
    this.turn = turn;
    this.#sessionSeconds = sessionSeconds;
    this.#before = Math.ceil(sessionSeconds / turn);
    this.#ahead = Math.ceil(reachSeconds / turn) + 1;
  }

  /** The epochs whose secrets are not known, the most urgent ones first: this one, the next, those before, those ahead. */
  missing(now: number): readonly number[] {
    const current = this.#epochAt(now);
    const before = Array.from({ length: this.#before }, (_, index) => current - 1 - index);
    const ahead = Array.from({ length: this.#ahead }, (_, index) => current + 1 + index);
    const [next, ...later] = ahead;
    return [current, ...(next === undefined ? [] : [next]), ...before, ...later].filter(
      (epoch) => epoch >= 0 && this.endOf(epoch) > now && (!this.#keys.has(epoch) || this.#stale.has(epoch)),
    );
  }

  /** When the last ticket of an epoch has expired, in seconds since 1970. */
  endOf(epoch: number): number {
    return (epoch + 1) * this.turn + this.#sessionSeconds;
  }

  /** Returns whether that is another secret than before. */
  add(epoch: number, secret: Uint8Array): boolean {
    const bytes = deriveBytes(secret, new Uint8Array(), info, TICKET_KEY_BYTES);
    const former = this.#keys.get(epoch);
    this.#stale.delete(epoch);
    if (former && timingSafeEqual(former.bytes, bytes)) {
      bytes.fill(0);
      return false;
    }
    this.#keys.set(epoch, { bytes, since: epoch * this.turn });
    former?.bytes.fill(0);
    return true;
  }

  /** All secrets are missing, until they have been asked for again. */
  askAgain(): void {
    for (const epoch of this.#keys.keys()) this.#stale.add(epoch);
  }

  /** Wipes the keys that no ticket may come for any more. Returns whether there were any. */
  forget(now: number): boolean {
    const gone = [...this.#keys].filter(([epoch]) => this.endOf(epoch) <= now);
    for (const [epoch, { bytes }] of gone) {
      bytes.fill(0);
      this.#keys.delete(epoch);
      this.#stale.delete(epoch);
    }
    return gone.length > 0;
  }

  /** The oldest first. */
  known(): readonly TicketKey[] {
    return [...this.#keys.values()].sort((a, b) => a.since - b.since);
  }

  has(now: number): boolean {
    return this.#keys.has(this.#epochAt(now));
  }

  /** Until when there is a key to encrypt with, without a gap from `now`; in seconds since 1970. */
  heldUntil(now: number): number {
    let epoch = this.#epochAt(now);
    while (this.#keys.has(epoch)) epoch++;
    return Math.max(now, epoch * this.turn);
  }

  nextEpoch(now: number): number {
    return (this.#epochAt(now) + 1) * this.turn;
  }

  #epochAt(now: number): number {
    return Math.floor(now / this.turn);
  }
}
