import type { AddressShare } from './address-share.ts';
import type { Waiter } from './waiting-line.ts';

/** Milliseconds that a signature which nobody wants any more counts as under way. */
const longestAbandoned = 10_000;

/** Where a handshake stands whose signature is limited: waiting for its turn, under way, or over. */
export class SignaturePlace implements Waiter<SignaturePlace> {
  /** Resolves when its turn has come, and rejects when it does not come; undefined: it had come at once. */
  admitted: Promise<void> | undefined;
  /** Milliseconds it waited; undefined while it does. */
  queuedMs: number | undefined;
  /** @internal The rest is SignatureAdmission's. */
  state: 'new' | 'waiting' | 'in-flight' | 'over' = 'new';
  readonly share: AddressShare<SignaturePlace>;
  readonly arrived: number;
  before: SignaturePlace | undefined;
  after: SignaturePlace | undefined;
  resolve: () => void = nothing;
  reject: (error: Error) => void = nothing;
  #timer: NodeJS.Timeout | undefined;
  readonly #leave: (place: SignaturePlace, reason: Error | undefined) => void;

  constructor(
    share: AddressShare<SignaturePlace>,
    arrived: number,
    leave: (place: SignaturePlace, reason: Error | undefined) => void,
  ) {
    this.share = share;
    this.arrived = arrived;
    this.#leave = leave;
  }

  /** Gives the place back: the signature has come or failed, for `reason` if it has not come. A second time is nothing. */
  leave(reason?: Error): void {
    clearTimeout(this.#timer);
    this.#leave(this, reason);
  }

  /**
   * Nobody wants the signature any more, for `reason`. One that waits for its turn leaves; one under way costs what it would have
   * cost, and counts until it `leave`s, or until a signer that does not settle has kept others out for long enough.
   */
  abandon(reason: Error): void {
    if (this.state === 'in-flight')
      this.#timer ??= setTimeout(() => this.leave(reason), longestAbandoned).unref();
    else this.leave(reason);
  }

  /** It has to wait. */
  wait(): void {
    this.state = 'waiting';
    this.admitted = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // Whoever waits sees it; nobody may be there yet.
    this.admitted.catch(nothing);
  }
}

function nothing(): void {
  // Until it waits, nobody is to be told.
}
