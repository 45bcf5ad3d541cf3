import { InvalidOptionError } from '../../errors.ts';
import { defaultQuota } from '../signature-quota.ts';
import type { SignatureQuota } from '../signer.ts';
import { checkPrefixLength, type PrefixLengths } from './address-prefix.ts';

/** Limits for one network of clients; see `PrefixLengths`. */
export interface AddressLimits extends Partial<PrefixLengths> {
  /** Signatures a second. Half of the whole unless given. */
  readonly perSecond?: number;
  /** Signatures at once after a pause. A quarter of `perSecond` unless given. */
  readonly burst?: number;
  /** Signatures under way. Half of the whole unless given. */
  readonly inFlight?: number;
}

/** How many signatures handshakes may ask for. `Infinity` is no limit. */
export interface SignatureLimits {
  /** Signatures a second. Four fifths of the signer's quota unless given: 800 for KMS, and for a signer that names none. */
  readonly perSecond?: number;
  /** Signatures under way. As many as the signer makes at once unless given: 256 for KMS, and for a signer that names none. */
  readonly inFlight?: number;
  /** Handshakes that wait for their turn; 1,000 unless given. 0: none waits. */
  readonly queue?: number;
  /** Milliseconds that one waits before it is refused; 2,000 unless given. */
  readonly queueTimeout?: number;
  /** For each network of clients; false: no limits of their own, but turns are still shared out among networks. */
  readonly perAddress?: AddressLimits | false;
}

/** Limits for one connection to `serveSigner`. */
export interface ConnectionLimits {
  /** Signatures a second. As many as all together unless given; connections take turns in any case. */
  readonly perSecond?: number;
  /** Signatures at once after a pause. A quarter of `perSecond` unless given. */
  readonly burst?: number;
  /** Signatures under way. Half of the whole unless given. */
  readonly inFlight?: number;
}

/** How many signatures the clients of `serveSigner` may ask for. `Infinity` is no limit. */
export interface ServedSignatureLimits extends Omit<SignatureLimits, 'perAddress'> {
  /** For each connection; false: no limits of their own, but turns are still shared out among connections. */
  readonly perConnection?: ConnectionLimits | false;
}

/** The limits of one network, all of them known. */
export interface CheckedAddressLimits {
  readonly perSecond: number;
  readonly burst: number;
  readonly inFlight: number;
}

/** Limits with nothing left open. */
export interface CheckedLimits extends PrefixLengths {
  readonly perSecond: number;
  /** A quarter of `perSecond`: with the four fifths above, no second has more than the quota. */
  readonly burst: number;
  readonly inFlight: number;
  readonly queue: number;
  readonly queueTimeout: number;
  readonly perAddress: CheckedAddressLimits;
}

/** What each of so many workers of a cluster may have, so that together they have no more; but each may have one at once. */
export function divideLimits(limits: CheckedLimits, workers: number): CheckedLimits {
  const divide = ({ perSecond, burst, inFlight }: CheckedAddressLimits): CheckedAddressLimits => ({
    perSecond: perSecond / workers,
    burst: Math.max(1, burst / workers),
    inFlight: Math.max(1, Math.floor(inFlight / workers)),
  });
  return { ...limits, ...divide(limits), perAddress: divide(limits.perAddress) };
}

const partOfQuota = 0.8;
const partOfRate = 0.25;
const partOfAll = 0.5;
const defaultQueue = 1000;
const defaultQueueTimeout = 2000;
const longestTimeout = 2 ** 31 - 1;

const name = 'signatureLimits';

/**
 * Checks what was given, and adds what was not.
 *
 * @throws InvalidOptionError naming the option, as in `signatureLimits.perAddress.burst`.
 */
export function checkSignatureLimits(given: unknown, quota: SignatureQuota = defaultQuota): CheckedLimits {
  const expected =
    'limits such as { perSecond: 800, inFlight: 256 }, a SignatureAdmission, or false for none';
  const options = readOptions(name, given, [...wholeOptions, 'perAddress'], expected);
  const whole = checkWhole(options, quota);
  const { perSecond, inFlight } = whole;
  const prefixOptions = ['ipv4Prefix', 'ipv6Prefix'];
  const share = readShare(`${name}.perAddress`, options.get('perAddress'), prefixOptions);
  return {
    ...whole,
    ipv4Prefix: checkPrefixLength(`${share.name}.ipv4Prefix`, share.options.get('ipv4Prefix'), 32, 32),
    ipv6Prefix: checkPrefixLength(`${share.name}.ipv6Prefix`, share.options.get('ipv6Prefix'), 128, 64),
    perAddress: checkShare(share, perSecond * partOfAll, inFlight * partOfAll),
  };
}

/**
 * The same for a signer that others reach by connections: `perConnection` in place of `perAddress`. Of one connection's rate nothing is
 * held back where the others are quiet.
 *
 * @throws InvalidOptionError naming the option, as in `signatureLimits.perConnection.burst`.
 */
export function checkServedLimits(given: unknown, quota: SignatureQuota): CheckedLimits {
  const expected = 'limits such as { perSecond: 800, inFlight: 256 }, or false for none';
  const options = readOptions(name, given, [...wholeOptions, 'perConnection'], expected);
  const whole = checkWhole(options, quota);
  const share = readShare(`${name}.perConnection`, options.get('perConnection'), []);
  return {
    ...whole,
    ipv4Prefix: 32,
    ipv6Prefix: 128,
    perAddress: checkShare(share, whole.perSecond, whole.inFlight * partOfAll),
  };
}

/** The quota by which limits that nobody gave would come to these. */
export function quotaOfLimits({ perSecond, inFlight, perAddress }: CheckedLimits): SignatureQuota {
  return {
    perSecond: Math.min(perSecond, perAddress.perSecond) / partOfQuota,
    inFlight: Math.min(inFlight, perAddress.inFlight),
  };
}

const wholeOptions = ['perSecond', 'inFlight', 'queue', 'queueTimeout'];

function checkWhole(
  options: ReadonlyMap<string, unknown>,
  quota: SignatureQuota,
): Omit<CheckedLimits, 'perAddress' | keyof PrefixLengths> {
  const perSecond = rate(`${name}.perSecond`, options.get('perSecond'), quota.perSecond * partOfQuota);
  const queueTimeout = options.get('queueTimeout') ?? defaultQueueTimeout;
  if (typeof queueTimeout !== 'number' || !(queueTimeout >= 1 && queueTimeout <= longestTimeout)) {
    throw new InvalidOptionError(
      `${name}.queueTimeout`,
      `milliseconds from 1 to ${longestTimeout}`,
      queueTimeout,
    );
  }
  return {
    perSecond,
    burst: Math.max(1, perSecond * partOfRate),
    inFlight: whole(`${name}.inFlight`, options.get('inFlight'), 1, Math.floor(quota.inFlight)),
    queue: whole(`${name}.queue`, options.get('queue'), 0, defaultQueue),
    queueTimeout,
  };
}

interface GivenShare {
  readonly name: string;
  readonly options: ReadonlyMap<string, unknown>;
  /** `false` was given. */
  readonly isFree: boolean;
}

function readShare(name: string, given: unknown, more: readonly string[]): GivenShare {
  const isFree = given === false;
  if (given === undefined || isFree) return { name, options: new Map(), isFree };
  const known = ['perSecond', 'burst', 'inFlight', ...more];
  const expected = 'limits such as { perSecond: 50 }, or false for none';
  return { name, options: readOptions(name, given, known, expected), isFree };
}

function checkShare(
  { name, options, isFree }: GivenShare,
  defaultPerSecond: number,
  defaultInFlight: number,
): CheckedAddressLimits {
  if (isFree) return { perSecond: Infinity, burst: Infinity, inFlight: Infinity };
  const perSecond = rate(`${name}.perSecond`, options.get('perSecond'), defaultPerSecond);
  const burst = Math.max(1, perSecond * partOfRate);
  const inFlight = Math.max(1, Math.floor(defaultInFlight));
  return {
    perSecond,
    burst: whole(`${name}.burst`, options.get('burst'), 1, burst),
    inFlight: whole(`${name}.inFlight`, options.get('inFlight'), 1, inFlight),
  };
}

function readOptions(
  name: string,
  given: unknown,
  known: readonly string[],
  expected: string,
): Map<string, unknown> {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new InvalidOptionError(name, expected, given);
  }
  const options = new Map<string, unknown>(Object.entries(given));
  for (const [key, value] of options) {
    if (known.includes(key) || value === undefined) continue;
    throw new InvalidOptionError(`${name}.${key}`, `nothing: the options are ${known.join(', ')}`, value);
  }
  return options;
}

function rate(option: string, value: unknown, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value === 'number' && value > 0) return value;
  throw new InvalidOptionError(option, 'a number of signatures a second, more than 0', value);
}

function whole(option: string, value: unknown, least: number, fallback: number): number {
  if (value === undefined) return fallback;
  if (typeof value === 'number' && value >= least && (Number.isInteger(value) || value === Infinity))
    return value;
  throw new InvalidOptionError(option, `a whole number, ${least} or more, or Infinity`, value);
}
