import { InvalidOptionError } from '../../../errors.ts';

export interface Hedging {
  /** 0.5–0.999: a second request is sent for a signature that takes longer than this part of recent ones did. 0.99 unless given. */
  readonly percentile?: number;
  /** 0–0.5: at most this share of signatures has a second request, since each costs as much as the first. 0.05 unless given. */
  readonly share?: number;
}

export interface SigningLimitOptions {
  /** Milliseconds a signature may take, with all its requests and what lies between them: 1 to 600,000. 5,000 unless given. */
  readonly signatureTimeout?: number;
  /** A second request for a signature that takes unusually long; the first good answer counts. Off (`false`) unless given: it costs money. */
  readonly hedging?: Hedging | false;
}

export interface SigningLimits {
  /** Milliseconds. */
  readonly timeout: number;
  readonly hedging: Required<Hedging> | false;
}

/** @throws InvalidOptionError for `signatureTimeout` or `hedging`. */
export function checkSigningLimits({
  signatureTimeout: timeout = 5_000,
  hedging = false,
}: SigningLimitOptions): SigningLimits {
  if (typeof timeout !== 'number' || !(timeout >= 1 && timeout <= 600_000)) {
    throw new InvalidOptionError('signatureTimeout', 'milliseconds, from 1 to 600000', timeout);
  }
  if (hedging === false) return { timeout, hedging };
  if (typeof hedging !== 'object' || hedging === null) {
    throw new InvalidOptionError('hedging', 'false, or an object such as { percentile: 0.99 }', hedging);
  }
  const { percentile = 0.99, share = 0.05 } = hedging;
  if (typeof percentile !== 'number' || !(percentile >= 0.5 && percentile <= 0.999)) {
    throw new InvalidOptionError('hedging.percentile', 'a number from 0.5 to 0.999', percentile);
  }
  if (typeof share !== 'number' || !(share >= 0 && share <= 0.5)) {
    throw new InvalidOptionError('hedging.share', 'a number from 0 to 0.5', share);
  }
  return { timeout, hedging: { percentile, share } };
}
