/**
 * Options as data: what each is called, what it may be, what it is unless given, and whether it may hold a secret. What checks
 * them, the message that refuses one, and the tests that hold the documentation to them all read the same schema.
 */
import { editDistance } from './edit-distance.ts';
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
  /** The options of an option that is an object of options itself. */
  readonly members?: Schema;
  /** What the items of an array are. */
  readonly items?: Option<unknown>;
  /** What JSON Schema can say of a value that fits, besides its type. */
  readonly json?: Readonly<Record<string, unknown>>;
  fits(value: unknown): boolean;
  /** What a value that fits is read as. The value itself unless given. */
  read?(name: string, value: unknown): Value;
}

/** The options of one function, by name. */
export type Schema = Readonly<Record<string, Option<unknown>>>;

/** A schema with a row for each option of an interface: `satisfies SchemaOf<Interface>` refuses an option without one. */
export type SchemaOf<Options> = { readonly [Name in keyof Required<Options>]: Option<unknown> };

export function without<Given extends Schema, Name extends keyof Given>(
  schema: Given,
  ...names: readonly Name[]
): Omit<Given, Name> {
  const others = Object.entries(schema).filter(([name]) => !(names as readonly PropertyKey[]).includes(name));
  return Object.fromEntries(others) as Omit<Given, Name>;
}

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
  if (!option.fits(value)) throw refusal(name, option, value);
  return option.read ? option.read(name, value) : (value as Value);
}

/**
 * What to throw for a value of `option`. The message repeats the value only if the option holds no secret.
 *
 * @param expected where the option alone does not say what is wrong, such as `nothing beside notAfter`.
 */
export function refusal(
  name: string,
  option: Pick<Option<unknown>, 'expected' | 'isSecret'>,
  value: unknown,
  expected = option.expected,
): InvalidOptionError {
  const words =
    value instanceof Given ? value.words : option.isSecret ? describeSecret(value) : describePlain(value);
  return new InvalidOptionError(name, expected, new Given(words));
}

/**
 * Reads those of `options` that the schema names. It ignores others: they may be options of Node or of a framework.
 *
 * @param place of the options in the caller's, such as `hedging.`; empty at the top.
 * @throws InvalidOptionError as `readOption`, for the first in the schema's order.
 */
export function readOptions<Given extends Schema>(
  schema: Given,
  options: object,
  place = '',
): OptionValues<Given> {
  const given = options as Readonly<Record<string, unknown>>;
  const entries = Object.entries(schema).map(([name, option]) => [
    name,
    readOption(`${place}${name}`, option, given[name]),
  ]);
  return Object.fromEntries(entries) as OptionValues<Given>;
}

/**
 * As `readOptions`, for options that must be an object with no other options than the schema's.
 *
 * @param expected such as `an object such as { keyId }`
 */
export function readOptionsObject<Given extends Schema>(
  schema: Given,
  options: unknown,
  expected: string,
): OptionValues<Given> {
  checkOptionsObject(options, expected);
  refuseUnknownOptions(schema, options);
  return readOptions(schema, options);
}

/** @throws InvalidOptionError `options`. */
export function checkOptionsObject(options: unknown, expected: string): asserts options is object {
  if (!isOptionsObject(options)) throw refusal('options', { expected, isSecret: true }, options);
}

/** Arrays and Buffers are objects as well, but somebody passes them by mistake. */
export function isOptionsObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !ArrayBuffer.isView(value);
}

/** @throws InvalidOptionError that names the option that is meant, if one is near, or else all of them. */
export function refuseUnknownOptions(schema: Schema, options: object, place = ''): void {
  const known = Object.keys(schema);
  for (const [name, value] of Object.entries(options)) {
    if (value === undefined || Object.hasOwn(schema, name)) continue;
    const meant = nearest(name, known);
    const expected = meant === undefined ? `one of ${known.join(', ')}` : `'${meant}'`;
    throw refusal(
      `${place}${name}`,
      { expected: `${expected}, since there is no such option`, isSecret: true },
      value,
    );
  }
}

/** The name that differs least, by a third of its letters at most. */
function nearest(name: string, names: readonly string[]): string | undefined {
  const [best] = names
    .map((each) => ({ each, edits: editDistance(name.toLowerCase(), each.toLowerCase()) }))
    .filter(({ each, edits }) => edits <= each.length / 3)
    .sort((one, other) => one.edits - other.edits);
  return best?.each;
}
