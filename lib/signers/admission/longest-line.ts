import type { AddressShare } from './address-share.ts';
import type { Waiter } from './waiting-line.ts';

/** Knows the network of which most wait, whatever their number: lines grow and shrink by one. */
export class LongestLine<W extends Waiter<W>> {
  readonly #byLength: Set<AddressShare<W>>[] = [];
  #length = 0;

  get length(): number {
    return this.#length;
  }

  get share(): AddressShare<W> | undefined {
    return this.#byLength[this.#length]?.values().next().value;
  }

  /** To be told of each share whose line was one shorter or one longer. */
  changed(share: AddressShare<W>, former: number): void {
    this.#byLength[former]?.delete(share);
    const waiting = share.waiting.length;
    if (waiting > 0) (this.#byLength[waiting] ??= new Set()).add(share);
    if (waiting > this.#length) this.#length = waiting;
    else if (this.#length > 0 && !this.#byLength[this.#length]?.size) this.#length--;
  }
}
