import {
  countOrInfinity,
  flag,
  fraction,
  group,
  groupOrFalse,
  required,
  wholeNumber,
} from '../../options/kinds.ts';
import {
  readOption,
  readOptions,
  type Option,
  type OptionValues,
  type Schema,
} from '../../options/option.ts';
import { defaultQuota } from '../signature-quota.ts';
import type { SignatureQuota } from '../signer.ts';
import type { PrefixLengths } from './address-prefix.ts';

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
  /** The part of `perSecond` that is this machine's, where several use one quota: 0.1 is a tenth; 1 unless given. */
  readonly share?: number;
  /**
   * Whether less than `perSecond` is asked for after the signer's service has refused requests for their rate, and then step by step
   * more again; true unless given.
   */
  readonly adaptive?: boolean;
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
  readonly adaptive: boolean;
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

/** Signatures a second: any number above 0, also `Infinity`. */
const rate: Option<number | undefined> = {
  ...{ type: 'number', expected: 'a number of signatures a second, more than 0', isSecret: false },
  fits: (value) => typeof value === 'number' && value > 0,
};

/** What is not given comes from the quota of the signer, or of the whole. */
const shareSchema = {
  perSecond: rate,
  burst: countOrInfinity({ least: 1 }),
  inFlight: countOrInfinity({ least: 1 }),
} satisfies Schema;

export const addressLimitsSchema = {
  ...shareSchema,
  ipv4Prefix: wholeNumber({ least: 0, most: 32, fallback: 32, of: 'bits' }),
  ipv6Prefix: wholeNumber({ least: 0, most: 128, fallback: 64, of: 'bits' }),
} satisfies Schema;

export const connectionLimitsSchema = shareSchema;

const share: Option<number> = {
  ...{ type: 'number', expected: 'a part of the whole, more than 0 and at most 1', isSecret: false },
  fallback: 1,
  fits: (value) => typeof value === 'number' && value > 0 && value <= 1,
};

const wholeSchema = {
  perSecond: rate,
  share,
  adaptive: flag(true),
  inFlight: countOrInfinity({ least: 1 }),
  queue: countOrInfinity({ least: 0, fallback: 1000 }),
  queueTimeout: fraction({ least: 1, most: 2 ** 31 - 1, fallback: 2000, of: 'milliseconds' }),
} satisfies Schema;

const expectedShare = 'limits such as { perSecond: 50 }';

export const signatureLimitsSchema = {
  ...wholeSchema,
  perAddress: groupOrFalse(addressLimitsSchema, expectedShare),
} satisfies Schema;

export const servedLimitsSchema = {
  ...wholeSchema,
  perConnection: groupOrFalse(connectionLimitsSchema, expectedShare),
} satisfies Schema;

const expectedLimits = 'limits such as { perSecond: 800, inFlight: 256 }';

export const signatureLimits = required(
  group(signatureLimitsSchema, `${expectedLimits}, a SignatureAdmission, or false for none`),
);

/** The option `signatureLimits` of `serveSigner`, which has limits unless it is turned off. */
export const servedLimits = groupOrFalse(servedLimitsSchema, expectedLimits);

/**
 * Checks what was given, and adds what was not.
 *
 * @throws InvalidOptionError naming the option, as in `signatureLimits.perAddress.burst`.
 */
export function checkSignatureLimits(given: unknown, quota: SignatureQuota = defaultQuota): CheckedLimits {
  const options = readOption('signatureLimits', signatureLimits, given);
  const whole = completeWhole(options, quota);
  const { perAddress } = options;
  const { ipv4Prefix, ipv6Prefix } = readOptions(
    addressLimitsSchema,
    perAddress === false ? {} : (perAddress ?? {}),
  );
  return {
    ...whole,
    ipv4Prefix,
    ipv6Prefix,
    perAddress: completeShare(perAddress, whole.perSecond * partOfAll, whole.inFlight * partOfAll),
  };
}

/**
 * Completes the limits of a signer that others reach by connections: `perConnection` in place of `perAddress`. Of one connection's
 * rate nothing is held back where the others are quiet.
 */
export function completeServedLimits(
  options: OptionValues<typeof servedLimitsSchema>,
  quota: SignatureQuota,
): CheckedLimits {
  const whole = completeWhole(options, quota);
  return {
    ...whole,
    ipv4Prefix: 32,
    ipv6Prefix: 128,
    perAddress: completeShare(options.perConnection, whole.perSecond, whole.inFlight * partOfAll),
  };
}

/** The quota by which limits that nobody gave would come to these. */
export function quotaOfLimits({ perSecond, inFlight, perAddress }: CheckedLimits): SignatureQuota {
  return {
    perSecond: Math.min(perSecond, perAddress.perSecond) / partOfQuota,
    inFlight: Math.min(inFlight, perAddress.inFlight),
  };
}

function completeWhole(
  options: OptionValues<typeof wholeSchema>,
  quota: SignatureQuota,
): Omit<CheckedLimits, 'perAddress' | keyof PrefixLengths> {
  const { perSecond: all = quota.perSecond * partOfQuota, inFlight = Math.floor(quota.inFlight) } = options;
  const { adaptive, queue, queueTimeout } = options;
  const perSecond = all * options.share;
  const burst = Math.max(1, perSecond * partOfRate);
  return { perSecond, adaptive, burst, inFlight, queue, queueTimeout };
}

function completeShare(
  share: Partial<OptionValues<typeof shareSchema>> | false | undefined,
  defaultPerSecond: number,
  defaultInFlight: number,
): CheckedAddressLimits {
  if (share === false) return { perSecond: Infinity, burst: Infinity, inFlight: Infinity };
  const { perSecond = defaultPerSecond, burst, inFlight } = share ?? {};
  return {
    perSecond,
    burst: burst ?? Math.max(1, perSecond * partOfRate),
    inFlight: inFlight ?? Math.max(1, Math.floor(defaultInFlight)),
  };
}
