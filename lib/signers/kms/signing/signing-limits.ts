import { fraction, groupOrFalse } from '../../../options/kinds.ts';
import type { OptionValues, Schema } from '../../../options/option.ts';

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

export const hedgingSchema = {
  percentile: fraction({ least: 0.5, most: 0.999, fallback: 0.99 }),
  share: fraction({ least: 0, most: 0.5, fallback: 0.05 }),
} satisfies Schema;

export const signingLimitSchema = {
  signatureTimeout: fraction({ least: 1, most: 600_000, fallback: 5_000, of: 'milliseconds' }),
  hedging: {
    ...groupOrFalse(hedgingSchema, 'an object such as { percentile: 0.99 }'),
    fallback: false as const,
  },
} satisfies Schema;

export function signingLimitsOf({
  signatureTimeout: timeout,
  hedging = false,
}: OptionValues<typeof signingLimitSchema>): SigningLimits {
  return { timeout, hedging };
}
