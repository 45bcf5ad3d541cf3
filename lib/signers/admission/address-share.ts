import type { CheckedAddressLimits } from './signature-limits.ts';
import { TokenBucket } from './token-bucket.ts';
import { WaitingLine, type Waiter } from './waiting-line.ts';

/** One network of clients: what it may have, what it has, and who of it waits. */
export class AddressShare<W extends Waiter<W>> {
  /** Undefined for peers without an address. */
  readonly prefix: string | undefined;
  #limits: CheckedAddressLimits;
  readonly #rate: TokenBucket;
  #inFlight = 0;
  readonly waiting = new WaitingLine<W>();

  constructor(prefix: string | undefined, limits: CheckedAddressLimits, now: number) {
    this.prefix = prefix;
    this.#limits = limits;
    this.#rate = new TokenBucket(limits.perSecond, limits.burst, now);
  }

  change(limits: CheckedAddressLimits, now: number): void {
    this.#limits = limits;
    this.#rate.change(limits.perSecond, limits.burst, now);
  }

  hasRoom(now: number): boolean {
    return this.#inFlight < this.#limits.inFlight && this.#rate.has(now);
  }

  /** Whether its own limit of signatures under way is what holds it up. */
  get isCrowded(): boolean {
    return this.#inFlight >= this.#limits.inFlight;
  }

  /** Milliseconds that one more would have to wait by its own rate, behind those who wait already. */
  waitOfNext(now: number): number {
    return this.#rate.wait(now, this.waiting.length + 1);
  }

  /** Nothing of it would be lost if it were forgotten. */
  isIdle(now: number): boolean {
    return !this.isBusy && this.#rate.isFull(now);
  }

  get isBusy(): boolean {
    return this.#inFlight > 0 || this.waiting.length > 0;
  }

  begin(): void {
    this.#inFlight++;
    this.#rate.take();
  }

  end(): void {
    this.#inFlight--;
  }
}

/** How many networks are remembered that have nothing under way: some 300 bytes each. */
const remembered = 10_000;

/** The networks that clients came from lately, the one that has been quiet longest first. What is known of them is bounded. */
export class AddressShares<W extends Waiter<W>> {
  #limits: CheckedAddressLimits;
  readonly #limit: number;
  readonly #shares = new Map<string, AddressShare<W>>();
  readonly #unknown: AddressShare<W>;

  constructor(limits: CheckedAddressLimits, now: number, limit = remembered) {
    this.#limits = limits;
    this.#limit = limit;
    this.#unknown = new AddressShare(
      undefined,
      { perSecond: Infinity, burst: Infinity, inFlight: Infinity },
      now,
    );
  }

  get size(): number {
    return this.#shares.size;
  }

  /** Other limits for each of them from now on. */
  change(limits: CheckedAddressLimits, now: number): void {
    this.#limits = limits;
    for (const share of this.#shares.values()) share.change(limits, now);
  }

  of(prefix: string | undefined, now: number): AddressShare<W> {
    if (prefix === undefined) return this.#unknown;
    let share = this.#shares.get(prefix);
    if (share) {
      this.#shares.delete(prefix);
    } else {
      share = new AddressShare(prefix, this.#limits, now);
      this.#sweep(now);
    }
    this.#shares.set(prefix, share);
    return share;
  }

  /** Two for each that is added, so that those who have been quiet go by and by. What is busy stays, and is bounded elsewhere. */
  #sweep(now: number): void {
    let looked = 0;
    for (const [prefix, share] of this.#shares) {
      if (looked++ === 2) return;
      const full = this.#shares.size >= this.#limit;
      if (share.isBusy) {
        this.#shares.delete(prefix);
        this.#shares.set(prefix, share);
      } else if (full || share.isIdle(now)) {
        this.#shares.delete(prefix);
      }
    }
  }
}
