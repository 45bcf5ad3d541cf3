import { countExtraRequests } from '../extra-requests.ts';
import { LocalKeySigner } from '../local-key-signer.ts';
import { keyIdOf, quotaOf } from '../signature-quota.ts';
import type { Signer } from '../signer.ts';
import { addressPrefix } from './address-prefix.ts';
import type { Clock } from './clock.ts';
import { workersOfKeys } from './cluster-workers.ts';
import { checkSignatureLimits, type SignatureLimits } from './signature-limits.ts';
import type { SignaturePlace } from './signature-place.ts';
import { SignatureTurns } from './signature-turns.ts';
import { SignaturesLimitedError } from './signatures-limited-error.ts';

/** The admission of each signer keeps that of its key alive. */
const ofSigners = new WeakMap<Signer, SignatureAdmission>();
const ofKeys = new Map<string, WeakRef<SignatureAdmission>>();
const forgotten = new FinalizationRegistry<string>((key) => {
  if (ofKeys.get(key)?.deref() === undefined) ofKeys.delete(key);
});

/**
 * Which handshakes may ask for a signature now, wait, or are refused. A client that nobody knows makes its server buy a signature,
 * so this is where a flood ends. Networks of clients take turns.
 *
 * One may be given to several servers as `signatureLimits`, and then limits them together.
 */
export class SignatureAdmission extends SignatureTurns {
  readonly #keys = new Set<string>();
  /** Those whose limits are divided among the workers of a cluster. */
  readonly #divided = new Set<string>();

  /**
   * @param clock @internal
   * @throws InvalidOptionError
   */
  constructor(limits: SignatureLimits = {}, clock?: Clock) {
    super(
      checkSignatureLimits(limits),
      'peers without an address',
      (limit, prefix, reason) => new SignaturesLimitedError(limit, prefix, reason),
      clock,
    );
  }

  /**
   * The admission of all servers of this process that set no limits of their own and use `signer`, or another signer of the
   * same key, such as one that wraps it. Undefined for a `LocalKeySigner`, which needs none.
   */
  static of(signer: Signer): SignatureAdmission | undefined {
    const known = ofSigners.get(signer);
    if (known || signer instanceof LocalKeySigner) return known;
    const quota = quotaOf(signer);
    const { perSecond, inFlight } = checkSignatureLimits({}, quota);
    const key = `${keyIdOf(signer.publicKey)} ${perSecond} ${inFlight}`;
    let admission = ofKeys.get(key)?.deref();
    if (!admission) {
      admission = new SignatureAdmission({ perSecond, inFlight });
      ofKeys.set(key, new WeakRef(admission));
      forgotten.register(admission, key);
    }
    ofSigners.set(signer, admission.covers(signer, quota.perProcess !== true));
    return admission;
  }

  override get workers(): number {
    return workersOfKeys.most(this.#divided);
  }

  /**
   * @internal It limits signatures by this signer: what they cost beyond one request each counts, too. `divides`: the workers of a
   * cluster that use its key have these limits together.
   */
  covers(signer: Signer, divides = true): this {
    const key = keyIdOf(signer.publicKey);
    if (divides && !this.#divided.has(key)) {
      this.#divided.add(key);
      workersOfKeys.join(key);
    }
    if (this.#keys.has(key)) return this;
    this.#keys.add(key);
    countExtraRequests(signer.publicKey, this);
    return this;
  }

  /**
   * @internal A place for a handshake with the peer at `host` (empty: it has no address), which may have to wait for its turn.
   *
   * @throws SignaturesLimitedError where it is not to wait either.
   */
  enter(host: string): SignaturePlace {
    return this.enterShare(addressPrefix(host, this.limits));
  }
}
