import type { AddressShare } from './address-share.ts';
import type { Waiter } from './waiting-line.ts';

/** Milliseconds that an abandoned signature still counts as in progress. */
const longestAbandoned = 10_000;

/** What gives places. */
export interface Places {
  left(place: SignaturePlace, reason: Error | undefined): void;
  countThrottle(): void;
}

/** The place of one signature request under the limits: waiting for its turn, in progress, or over. */
export class SignaturePlace implements Waiter<SignaturePlace> {
  /** Resolves when its turn comes, and rejects if it is refused. Undefined if it did not have to wait. */
  admitted: Promise<void> | undefined;
  /** Milliseconds that it waited; undefined while it waits. */
  queuedMs: number | undefined;
  /** @internal Only SignatureAdmission uses this and the fields below. */
  state: 'new' | 'waiting' | 'in-flight' | 'over' = 'new';
  readonly share: AddressShare<SignaturePlace>;
  readonly arrived: number;
  before: SignaturePlace | undefined;
  after: SignaturePlace | undefined;
  resolve: () => void = nothing;
  reject: (error: Error) => void = nothing;
  #timer: NodeJS.Timeout | undefined;
  readonly #places: Places;

  constructor(share: AddressShare<SignaturePlace>, arrived: number, places: Places) {
    this.share = share;
    this.arrived = arrived;
    this.#places = places;
  }

  /** The signer failed with `error`; the place is still to be left. */
  failed(error: unknown): void {
    const code: unknown = error instanceof Error && 'code' in error ? error.code : undefined;
    if (typeof code === 'string' && code.endsWith('_THROTTLED')) this.#places.countThrottle();
  }

  /** Releases the place after the signature completed, or failed with `reason`. Calling it again does nothing. */
  leave(reason?: Error): void {
    clearTimeout(this.#timer);
    this.#places.left(this, reason);
  }

  /**
   * The caller no longer needs the signature, because of `reason`. A waiting request leaves. One in progress still has its
   * cost, so it counts until `leave`, or until a time limit if the signer never settles.
   */
  abandon(reason: Error): void {
    if (this.state === 'in-flight')
      this.#timer ??= setTimeout(() => this.leave(reason), longestAbandoned).unref();
    else this.leave(reason);
  }

  /** Puts the request in the queue. */
  wait(): void {
    this.state = 'waiting';
    this.admitted = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // Callers of `admitted` see the rejection. It may come before there is one.
    this.admitted.catch(nothing);
  }
}

function nothing(): void {
  // Replaced by `wait`.
}
