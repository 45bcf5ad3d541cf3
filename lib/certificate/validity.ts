import { InvalidOptionError } from '../errors.ts';

const second = 1000;
const day = 24 * 60 * 60 * second;

/** How long before now a certificate begins to be valid unless told: clocks differ. */
const backdating = 5 * 60 * second;

/** Days a certificate is valid unless told. */
const defaultValidDays = 90;

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

/** @throws InvalidOptionError */
export function checkValidity(options: ValidityOptions, now = Date.now()): Validity {
  const { validDays } = options;
  const notBefore = checkDate('notBefore', options.notBefore ?? new Date(now - backdating));
  if (options.notAfter !== undefined) {
    if (validDays !== undefined) {
      throw new InvalidOptionError(
        'validDays',
        'nothing beside `notAfter`: give one or the other',
        validDays,
      );
    }
    const notAfter = checkDate('notAfter', options.notAfter);
    if (notAfter <= notBefore) {
      throw new InvalidOptionError(
        'notAfter',
        `a date after notBefore, ${notBefore.toISOString()}`,
        notAfter.toISOString(),
      );
    }
    return { notBefore, notAfter };
  }
  if (validDays !== undefined && (typeof validDays !== 'number' || !(validDays >= 1 / 24))) {
    throw new InvalidOptionError('validDays', 'a number of days, an hour (1/24) at least', validDays);
  }
  const last = notBefore.getTime() + (validDays ?? defaultValidDays) * day - second;
  return { notBefore, notAfter: checkDate('validDays', new Date(last)) };
}

function checkDate(option: string, value: unknown): Date {
  const year = value instanceof Date ? value.getUTCFullYear() : Number.NaN;
  // From 1950, where UTCTime begins, to the last year that GeneralizedTime can write.
  if (!(value instanceof Date) || !(year >= 1950 && year <= 9999)) {
    throw new InvalidOptionError(option, 'a Date from 1950 to 9999', value);
  }
  return new Date(Math.floor(value.getTime() / second) * second);
}
