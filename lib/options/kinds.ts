/** The kinds of options that there are. */
import {
  isOptionsObject,
  readOption,
  readOptions,
  refuseUnknownOptions,
  type Option,
  type OptionValues,
  type Schema,
} from './option.ts';

/** The longest time of Node's timers, in milliseconds. */
const longestTime = 2 ** 31 - 1;

export function flag(fallback: boolean): Option<boolean> {
  return {
    ...{ type: 'boolean', expected: 'true or false', fallback, isSecret: false },
    fits: (value) => typeof value === 'boolean',
  };
}

/** Which numbers an option takes. */
export interface NumberRange<Fallback extends number | undefined> {
  readonly least: number;
  /** None unless given. */
  readonly most?: number;
  readonly fallback?: Fallback;
  /** Such as `bytes`, in place of `a whole number`. */
  readonly of?: string;
}

/** Bounds in JSON Schema, which has no Infinity. */
function bounds(least: number, most: number): Readonly<Record<string, number>> {
  return { minimum: least, ...(most === Infinity ? {} : { maximum: most }) };
}

function inRange(value: unknown, least: number, most: number): value is number {
  return typeof value === 'number' && value >= least && value <= most;
}

function rangeText(least: number, most: number): string {
  return most === Infinity ? `${least} or more` : `from ${least} to ${most}`;
}

export function wholeNumber<Fallback extends number | undefined = undefined>({
  least,
  most = Infinity,
  fallback,
  of,
}: NumberRange<Fallback>): Option<number | Fallback> {
  const what = of === undefined ? 'a whole number' : `a whole number of ${of}`;
  const range = rangeText(least, most);
  return {
    ...{ type: 'number', expected: most === Infinity ? `${what}, ${range}` : `${what} ${range}` },
    ...(fallback === undefined ? {} : { fallback }),
    isSecret: false,
    json: { type: 'integer', ...bounds(least, most) },
    fits: (value) => Number.isSafeInteger(value) && inRange(value, least, most),
  };
}

/** A whole number of milliseconds that a timer can wait. */
export function milliseconds<Fallback extends number | undefined = undefined>(
  range: Pick<NumberRange<Fallback>, 'least' | 'fallback'>,
): Option<number | Fallback> {
  return wholeNumber({ most: longestTime, of: 'milliseconds', ...range });
}

/** A number that may have fractions. */
export function fraction<Fallback extends number | undefined = undefined>({
  least,
  most = Infinity,
  fallback,
  of,
}: NumberRange<Fallback>): Option<number | Fallback> {
  const what = of === undefined ? 'a number' : `a number of ${of}`;
  const range = rangeText(least, most);
  return {
    ...{ type: 'number', expected: most === Infinity ? `${what}, ${range}` : `${what} ${range}` },
    ...(fallback === undefined ? {} : { fallback }),
    isSecret: false,
    json: bounds(least, most),
    fits: (value) => inRange(value, least, most),
  };
}

/** A whole number, or `Infinity` for no limit. */
export function countOrInfinity<Fallback extends number | undefined = undefined>(
  range: Pick<NumberRange<Fallback>, 'least' | 'fallback'>,
): Option<number | Fallback> {
  const whole = wholeNumber(range);
  return {
    ...whole,
    expected: `${whole.expected}, or Infinity`,
    fits: (value) => value === Infinity || whole.fits(value),
  };
}

/** One of a few texts. */
export function choice<const Choice extends string>(choices: readonly Choice[]): Option<Choice | undefined>;
export function choice<const Choice extends string>(
  choices: readonly Choice[],
  fallback: NoInfer<Choice>,
): Option<Choice>;
export function choice<const Choice extends string>(
  choices: readonly Choice[],
  fallback?: Choice,
): Option<Choice | undefined> {
  return {
    ...{ type: 'string', expected: choices.map((one) => `'${one}'`).join(' or '), isSecret: false },
    ...(fallback === undefined ? {} : { fallback }),
    json: { enum: choices },
    fits: (value) => (choices as readonly unknown[]).includes(value),
  };
}

export interface TextFacts {
  readonly expected: string;
  /** What the text must look like; any unless given. */
  readonly pattern?: RegExp;
  /** True unless given: a message that repeats a text may repeat a secret. */
  readonly isSecret?: boolean;
}

export function text(facts: TextFacts): Option<string | undefined> {
  return {
    ...{ type: 'string', expected: facts.expected, isSecret: facts.isSecret ?? true },
    ...(facts.pattern?.flags === '' ? { json: { pattern: facts.pattern.source } } : {}),
    fits: (value) => typeof value === 'string' && (facts.pattern?.test(value) ?? true),
  };
}

/** As `text`, and a required one. */
export function requiredText(facts: TextFacts): Option<string> {
  return { ...(text(facts) as Option<string>), isRequired: true };
}

/** A function, whose parameters cannot be looked at: its type is what the caller's declarations say. */
export function callback<Type>(expected = 'a function'): Option<Type | undefined> {
  return {
    ...{ type: 'Function', expected, isSecret: true },
    fits: (value) => typeof value === 'function',
  };
}

/** Whatever `fits` says, as a `Type`. */
export function anything<Type>(
  facts: Pick<Option<Type>, 'type' | 'expected' | 'fits'> & Partial<Option<Type>>,
): Option<Type> {
  return { isSecret: true, ...facts };
}

/** An object, as another package takes it. */
export function object(expected: string, fallback: object): Option<object> {
  return {
    ...{ type: 'object', expected, fallback, isSecret: true },
    fits: (value) => typeof value === 'object' && value !== null,
  };
}

/** An object of options, each of which is read by a schema of its own and refused by its whole name (`hedging.share`). */
export function group<Members extends Schema>(
  members: Members,
  expected: string,
): Option<OptionValues<Members> | undefined> {
  return {
    ...{ type: 'object', expected, isSecret: false, members },
    fits: isOptionsObject,
    read(name, value) {
      refuseUnknownOptions(members, value as object, `${name}.`);
      return readOptions(members, value as object, `${name}.`);
    },
  };
}

/** As `group`, which `false` turns off. */
export function groupOrFalse<Members extends Schema>(
  members: Members,
  expected: string,
): Option<OptionValues<Members> | false | undefined> {
  const whole = group(members, expected);
  return {
    ...whole,
    type: 'object | false',
    expected: `${expected}, or false`,
    fits: (value) => value === false || whole.fits(value),
    read: (name, value) => (value === false ? value : whole.read?.(name, value)),
  };
}

/** An array whose items are read one by one and refused by their place (`servernames[1]`). */
export function list<Item>(
  item: Option<Item>,
  expected: string,
  least = 0,
): Option<readonly Item[] | undefined> {
  return {
    ...{ type: `${item.type}[]`, expected, isSecret: item.isSecret, items: item },
    json: { minItems: least },
    fits: (value) => Array.isArray(value) && value.length >= least,
    read: (name, value) =>
      Array.from(value as readonly unknown[], (each, at) =>
        readOption(`${name}[${at}]`, { ...item, isRequired: true }, each),
      ),
  };
}

export function required<Value>(option: Option<Value | undefined>): Option<Value> {
  return { ...(option as Option<Value>), isRequired: true };
}

/** An option that is handed to Node, which checks it, or ignores what does not fit. */
export function ofNode<Value>(type: string): Option<Value | undefined> {
  return { type, expected: `what Node takes (${type})`, isSecret: true, fits: () => true };
}

/** Aborts what is under way. */
export const abortSignal: Option<AbortSignal | undefined> = {
  ...{ type: 'AbortSignal', expected: 'an AbortSignal', isSecret: true },
  fits: (value) => typeof value === 'object' && value !== null && 'aborted' in value,
};
