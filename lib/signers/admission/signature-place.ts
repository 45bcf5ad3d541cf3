import type { AddressShare } from './address-share.ts';
import type { Waiter } from './waiting-line.ts';

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

  /** Gives the place back: the signature has come or failed, or nobody wants it any more, for `reason`. A second time is nothing. */
  leave(reason?: Error): void {
    this.#leave(this, reason);
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
