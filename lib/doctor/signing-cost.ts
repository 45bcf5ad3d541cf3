import { InvalidOptionError } from '../errors.ts';

/** US dollars for 10,000 requests, in the Regions of the United States. Other Regions differ. */
const prices = { RSA_2048: 0.03, other: 0.15 } as const;

export interface SigningCost {
  /** US dollars for 10,000 requests. */
  readonly pricePer10000: number;
  /** The source of the price. */
  readonly assumption: string;
  /** US dollars. Resumed handshakes cost nothing. */
  readonly perMillionFullHandshakes: number;
}

/**
 * Estimates the cost of signatures.
 *
 * @param price US dollars for 10,000 requests. Default: the assumed price.
 */
export function signingCost(keySpec: string | undefined, price?: number): SigningCost {
  if (price !== undefined && !(price >= 0)) {
    throw new InvalidOptionError('price', 'US dollars for 10,000 requests, 0 or more', price);
  }
  const pricePer10000 = price ?? (keySpec === 'RSA_2048' ? prices.RSA_2048 : prices.other);
  const assumption =
    price === undefined
      ? 'assumed for Regions of the United States: check the AWS KMS pricing page for yours (--price)'
      : 'the price given';
  return { pricePer10000, assumption, perMillionFullHandshakes: round(pricePer10000 * 100) };
}

/** US dollars for this number of signatures. */
export function costOf(signatures: number, { pricePer10000 }: SigningCost): number {
  return round((signatures * pricePer10000) / 10_000);
}

function round(dollars: number): number {
  return Number(dollars.toPrecision(6));
}
