import { AdaptiveRate } from './adaptive-rate.ts';
import { AddressShares, type AddressShare } from './address-share.ts';
import { systemClock, type Clock } from './clock.ts';
import { LongestLine } from './longest-line.ts';
import { divideLimits, type CheckedLimits } from './signature-limits.ts';
import { SignaturePlace } from './signature-place.ts';
import type { ReachedLimit, SignaturesLimitedError } from './signatures-limited-error.ts';
import { TokenBucket } from './token-bucket.ts';

/** How often those who wait are looked at, in milliseconds, while there are any. */
const LOOK_INTERVAL = 10;

type Share = AddressShare<SignaturePlace>;

/** The error of a refusal; `name` is that of the share, or undefined for those that have none. */
export type Refuse = (
  limit: ReachedLimit,
  name: string | undefined,
  reason: string,
) => SignaturesLimitedError;

/**
 * Who may ask for a signature now, who waits, and who is refused. Beyond the limits requests wait in a bounded queue, in which
 * shares (networks of clients, or connections) take turns (round robin). When it is full, the newest of the share with most in it is
 * refused, at once.
 */
export class SignatureTurns {
  /** The limits in force, defaults included; of all `workers` together. */
  readonly limits: CheckedLimits;
  /** This process's part of them. */
  #part: CheckedLimits;
  #parts = 1;
  readonly #clock: Clock;
  readonly #adaptive: AdaptiveRate | undefined;
  /** The part of the rate that the signer's service takes. */
  #taken = 1;
  readonly #refuse: Refuse;
  readonly #unnamed: string;
  readonly #rate: TokenBucket;
  readonly #shares: AddressShares<SignaturePlace>;
  /** Those with somebody waiting whose turn may come: the first is the next. */
  readonly #ready = new Set<Share>();
  /** Those with somebody waiting that are at a limit of their own. */
  readonly #held = new Set<Share>();
  /** All that wait, in the order in which they came. */
  readonly #arrivals = new Set<SignaturePlace>();
  readonly #longest = new LongestLine<SignaturePlace>();
  #stopLooking: (() => void) | undefined;
  #inFlight = 0;
  #admitted = 0;
  #extra = 0;
  #throttled = 0;
  #refused = 0;
  #abandoned = 0;

  /** @internal `unnamed`: what a message calls those without a share of their own. */
  constructor(limits: CheckedLimits, unnamed: string, refuse: Refuse, clock = systemClock) {
    this.limits = this.#part = limits;
    this.#unnamed = unnamed;
    this.#refuse = refuse;
    this.#clock = clock;
    if (limits.adaptive) this.#adaptive = new AdaptiveRate();
    const now = clock.now();
    this.#rate = new TokenBucket(this.limits.perSecond, this.limits.burst, now);
    this.#shares = new AddressShares(this.limits.perAddress, now);
  }

  /** Workers of the cluster among which the limits are divided; 1: they are this process's alone. */
  // eslint-disable-next-line @typescript-eslint/class-literal-property-style -- SignatureAdmission counts them
  get workers(): number {
    return 1;
  }

  /** Signatures under way. */
  get inFlight(): number {
    return this.#inFlight;
  }

  /** Handshakes that wait for their turn. */
  get queued(): number {
    return this.#arrivals.size;
  }

  /** Signatures that were asked for so far. */
  get admitted(): number {
    return this.#admitted;
  }

  /** Requests that were sent so far beyond one for each signature: retries, hedges, other Regions. They count for `perSecond`. */
  get extraRequests(): number {
    return this.#extra;
  }

  /** @internal A signature that was let in has another request sent. */
  countExtra(): void {
    this.#extra++;
    this.#rate.take();
  }

  /** Requests so far that the signer's service refused for their rate. */
  get throttled(): number {
    return this.#throttled;
  }

  /** @internal The signer's service refused a request for its rate: less is asked for until it takes more again. */
  countThrottle(): void {
    this.#throttled++;
    const now = this.#now();
    this.#adaptive?.refused(now, Math.min(1, 1 / this.#part.perSecond));
    this.#update(now);
  }

  /** Signatures a second that this process may ask for now: `perSecond`, its part in a cluster, less after throttles. */
  get rate(): number {
    this.#now();
    return this.#part.perSecond * this.#taken;
  }

  /** Signatures that may be asked for at once now. Less than 0: retries have taken more than there was. */
  get available(): number {
    return this.#rate.available(this.#now());
  }

  /** Handshakes that were refused so far, with `ERR_S2N_PKEY_SIGNATURES_LIMITED`. */
  get refused(): number {
    return this.#refused;
  }

  /** Handshakes whose client went while they waited. */
  get abandoned(): number {
    return this.#abandoned;
  }

  /** Networks of clients that are remembered. */
  get addresses(): number {
    return this.#shares.size;
  }

  /**
   * @internal A place for a request of this share, which may have to wait for its turn. Undefined: of those without a share.
   *
   * @throws SignaturesLimitedError where it is not to wait either.
   */
  enterShare(name: string | undefined): SignaturePlace {
    const now = this.#now();
    const share = this.#shares.of(name, now);
    if (this.queued > 0) this.#dispatch(now);
    const place = new SignaturePlace(share, now, this);
    // Whoever waits by now is at a limit of its own, or there is no room.
    if (share.waiting.length === 0 && this.#hasRoom(now) && share.hasRoom(now)) this.#admit(place, 0);
    else this.#queue(place, now);
    return place;
  }

  /** The time; what this process may have is what it is by then. */
  #now(): number {
    const now = this.#clock.now();
    this.#update(now);
    return now;
  }

  #update(now: number): void {
    const { workers } = this;
    const taken = this.#adaptive?.part(now) ?? 1;
    if (workers === this.#parts && taken === this.#taken) return;
    if (workers !== this.#parts) {
      this.#parts = workers;
      this.#part = divideLimits(this.limits, workers);
      this.#shares.change(this.#part.perAddress, now);
    }
    this.#taken = taken;
    const { perSecond, burst } = this.#part;
    this.#rate.change(perSecond * taken, Math.max(1, burst * taken), now);
  }

  #hasRoom(now: number): boolean {
    return this.#inFlight < this.#part.inFlight && this.#rate.has(now);
  }

  #admit(place: SignaturePlace, queuedMs: number): void {
    place.state = 'in-flight';
    place.queuedMs = queuedMs;
    place.share.begin();
    this.#rate.take();
    this.#inFlight++;
    this.#admitted++;
  }

  #queue(place: SignaturePlace, now: number): void {
    const { share } = place;
    const { queue, queueTimeout } = this.limits;
    if (queue === 0) throw this.#refusal(this.#limitOf(share, now), share);
    if (share.waitOfNext(now) > queueTimeout) throw this.#refusal('perAddress.perSecond', share);
    if (this.queued >= queue) {
      const { share: longest, length } = this.#longest;
      if (longest?.waiting.newest === undefined || length <= share.waiting.length + 1)
        throw this.#refusal('queue', share);
      this.#shed(longest.waiting.newest, this.#refusal('queue', longest));
    }
    place.wait();
    this.#arrivals.add(place);
    share.waiting.append(place);
    this.#longest.changed(share, share.waiting.length - 1);
    if (!this.#held.has(share)) this.#ready.add(share);
    this.#stopLooking ??= this.#clock.every(LOOK_INTERVAL, () => this.#look());
  }

  /** Gives turns while there is room. A share that is put back is met again after all others. */
  #dispatch(now: number): void {
    for (const share of this.#ready) {
      if (!this.#hasRoom(now)) return;
      this.#ready.delete(share);
      const place = share.waiting.oldest;
      if (!place) continue;
      if (!share.hasRoom(now)) {
        this.#held.add(share);
        continue;
      }
      this.#unqueue(place);
      this.#admit(place, now - place.arrived);
      place.resolve();
      if (share.waiting.length > 0) this.#ready.add(share);
    }
  }

  /** Time has passed: some have waited too long, and others' rate lets them go on. */
  #look(): void {
    const now = this.#now();
    for (const place of this.#arrivals) {
      if (now - place.arrived < this.limits.queueTimeout) break;
      this.#shed(place, this.#refusal('queueTimeout', place.share));
    }
    for (const share of this.#held) {
      if (!share.hasRoom(now)) continue;
      this.#held.delete(share);
      this.#ready.add(share);
    }
    this.#dispatch(now);
  }

  #shed(place: SignaturePlace, error: Error): void {
    place.state = 'over';
    this.#unqueue(place);
    place.reject(error);
  }

  #unqueue(place: SignaturePlace): void {
    const { share } = place;
    this.#arrivals.delete(place);
    share.waiting.remove(place);
    this.#longest.changed(share, share.waiting.length + 1);
    if (share.waiting.length === 0) {
      this.#ready.delete(share);
      this.#held.delete(share);
    }
    if (this.#arrivals.size > 0) return;
    this.#stopLooking?.();
    this.#stopLooking = undefined;
  }

  /** @internal For `SignaturePlace`. */
  left(place: SignaturePlace, reason: Error | undefined): void {
    const { share, state } = place;
    if (state === 'over' || state === 'new') return;
    place.state = 'over';
    if (state === 'waiting') {
      this.#abandoned++;
      this.#unqueue(place);
      place.reject(reason ?? new Error('the handshake has ended'));
      return;
    }
    share.end();
    this.#inFlight--;
    if (this.queued === 0) return;
    if (this.#held.delete(share)) this.#ready.add(share);
    this.#dispatch(this.#now());
  }

  #limitOf(share: Share, now: number): ReachedLimit {
    if (this.#inFlight >= this.#part.inFlight) return 'inFlight';
    if (!this.#rate.has(now)) return 'perSecond';
    return share.isCrowded ? 'perAddress.inFlight' : 'perAddress.perSecond';
  }

  #refusal(limit: ReachedLimit, share: Share): SignaturesLimitedError {
    this.#refused++;
    return this.#refuse(limit, share.prefix, this.#reason(limit, share) + this.#whose(limit));
  }

  #whose(limit: ReachedLimit): string {
    if (this.#parts === 1 || limit === 'queue' || limit === 'queueTimeout') return '';
    return ` (this worker's part, of ${this.#parts} workers in the cluster)`;
  }

  #lowered(): string {
    if (this.#taken === 1) return '';
    return ` now, less than ${this.#round(this.#part.perSecond)} since the service of the signer has throttled`;
  }

  #round(perSecond: number): number {
    return Math.round(perSecond * 100) / 100;
  }

  #reason(limit: ReachedLimit, { prefix = this.#unnamed }: Share): string {
    const { perSecond, inFlight, queue, queueTimeout, perAddress } = this.#part;
    switch (limit) {
      case 'perSecond':
        return `${this.#round(perSecond * this.#taken)} signatures a second are the limit${this.#lowered()}`;
      case 'inFlight':
        return `${inFlight} signatures are under way`;
      case 'queue':
        return `${queue} handshakes wait for a signature already, and none more for ${prefix}`;
      case 'queueTimeout':
        return `its turn did not come within ${queueTimeout} ms`;
      case 'perAddress.perSecond':
        return `${perAddress.perSecond} signatures a second are the limit for ${prefix}`;
      case 'perAddress.inFlight':
        return `${perAddress.inFlight} signatures are under way for ${prefix}`;
    }
  }
}
