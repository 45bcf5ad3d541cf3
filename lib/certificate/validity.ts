import { fraction, required } from '../options/kinds.ts';
import { readOption, readOptions, refusal, type Option, type SchemaOf } from '../options/option.ts';

const second = 1000;
const day = 24 * 60 * 60 * second;

/** How long before now a certificate begins to be valid unless told: clocks differ. */
const backdating = 5 * 60 * second;

export interface ValidityOptions {
  /** Five minutes ago unless given. */
  readonly notBefore?: Date;
  /** The last second of validity. Give this or `validDays`. */
  readonly notAfter?: Date;
  /**
   * Days from `notBefore` on; 90 unless given. Browsers refuse certificates of public authorities over 200 days (100 from March
   * 2027), and Apple's systems refuse any server certificate over 825.
   */
  readonly validDays?: number;
}

/** Both ends are included and whole seconds, as certificates have them (RFC 5280 §4.1.2.5). */
export interface Validity {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** From 1950, where UTCTime begins, to the last year that GeneralizedTime can write. Read in whole seconds. */
const dateOption: Option<Date | undefined> = {
  ...{ type: 'Date', expected: 'a Date from 1950 to 9999', isSecret: false },
  fits(value) {
    const year = value instanceof Date ? value.getUTCFullYear() : Number.NaN;
    return year >= 1950 && year <= 9999;
  },
  read: (_name, value) => new Date(Math.floor(Number(value) / second) * second),
};

export const validitySchema = {
  notBefore: dateOption,
  notAfter: dateOption,
  validDays: {
    ...fraction({ least: 1 / 24, fallback: 90 }),
    expected: 'a number of days, an hour (1/24) at least',
  },
} satisfies SchemaOf<ValidityOptions>;

/** @throws InvalidOptionError */
export function readValidity(options: ValidityOptions, now = Date.now()): Validity {
  const read = readOptions(validitySchema, options);
  const { notBefore = new Date(Math.floor((now - backdating) / second) * second) } = read;
  if (read.notAfter === undefined) {
    const last = new Date(notBefore.getTime() + read.validDays * day - second);
    return { notBefore, notAfter: readOption('validDays', required(dateOption), last) };
  }
  if (options.validDays !== undefined) {
    const expected = 'nothing beside `notAfter`: give one or the other';
    throw refusal('validDays', validitySchema.validDays, options.validDays, expected);
  }
  const { notAfter } = read;
  if (notAfter > notBefore) return { notBefore, notAfter };
  const expected = `a date after notBefore, ${notBefore.toISOString()}`;
  throw refusal('notAfter', dateOption, notAfter.toISOString(), expected);
}
