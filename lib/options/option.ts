/**
 * Options as data: what each is called, what it may be, what it is unless given, and whether it may hold a secret. What checks
 * them, the message that refuses one, and the tests that hold the documentation to them all read the same schema.
 */
import { describePlain, describeSecret, Given, InvalidOptionError } from '../errors.ts';

/** One option, which is read as a `Value`. */
export interface Option<Value> {
  /** As the documentation writes it, such as `number`. */
  readonly type: string;
  /** Completes "expected …" in the message of a refusal. */
  readonly expected: string;
  /** What it is unless given. Not there: it is required, or the schema's reader says what its absence means. */
  readonly fallback?: Value;
  readonly isRequired?: boolean;
  /** Whether messages must not repeat what was given. */
  readonly isSecret: boolean;
  /** Whether `null` means that it is not given, too. */
  readonly takesNull?: boolean;
  fits(value: unknown): boolean;
}

/** The options of one function, by name. */
export type Schema = Readonly<Record<string, Option<unknown>>>;

/** What `readOptions` makes of options that a schema describes. */
export type OptionValues<Given extends Schema> = {
  readonly [Name in keyof Given]: Given[Name] extends Option<infer Value> ? Value : never;
};

/**
 * @param name as the caller writes it, such as `hedging.share`.
 * @throws InvalidOptionError for a value that does not fit, and for none where one is required.
 */
export function readOption<Value>(name: string, option: Option<Value>, value: unknown): Value {
  const isGiven = value !== undefined && !(value === null && option.takesNull === true);
  // Without a fallback, `undefined` is among the values that the option is read as.
  if (!isGiven && option.isRequired !== true) return option.fallback as Value;
  if (option.fits(value)) return value as Value;
  const given = option.isSecret ? describeSecret(value) : describePlain(value);
  throw new InvalidOptionError(name, option.expected, new Given(given));
}

/**
 * Reads those of `options` that the schema names; others are not looked at.
 *
 * @throws InvalidOptionError as `readOption`, for the first in the schema's order.
 */
export function readOptions<Given extends Schema>(schema: Given, options: object): OptionValues<Given> {
  const given = options as Readonly<Record<string, unknown>>;
  const entries = Object.entries(schema).map(([name, option]) => [
    name,
    readOption(name, option, given[name]),
  ]);
  return Object.fromEntries(entries) as OptionValues<Given>;
}

/**
 * As `readOptions`, for options that must be an object.
 *
 * @param expected such as `an object such as { keyId }`
 */
export function readOptionsObject<Given extends Schema>(
  schema: Given,
  options: unknown,
  expected: string,
): OptionValues<Given> {
  if (typeof options !== 'object' || options === null) {
    throw new InvalidOptionError('options', expected, options);
  }
  return readOptions(schema, options);
}
