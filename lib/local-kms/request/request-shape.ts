import { serializationException, validationException } from '../store/errors.ts';

/**
 * The shapes of requests, checked as the real service checks them: a value of the wrong type is a
 * `SerializationException`; values that break constraints are gathered into one `ValidationException` ("2 validation
 * errors detected: …; …"). Shapes and limits come from the KMS API model, 2014-11-01.
 */

/** One member of a request. `parse` returns the value, or appends to `violations` what is wrong with it. */
export interface Member<T, Required extends boolean> {
  readonly required: Required;
  parse(value: unknown, path: string, violations: string[]): T | undefined;
}

export type Shape = Readonly<Record<string, Member<unknown, boolean>>>;

type RequiredKeys<S extends Shape> = {
  [K in keyof S]: S[K] extends Member<unknown, true> ? K : never;
}[keyof S];
type Value<M> = M extends Member<infer T, boolean> ? T : never;

/** What a request of shape `S` is once it is checked. */
export type Input<S extends Shape> = {
  readonly [K in RequiredKeys<S>]: Value<S[K]>;
} & { readonly [K in Exclude<keyof S, RequiredKeys<S>>]?: Value<S[K]> | undefined };

/** Jackson's name for a JSON value's kind, as the real service puts it in its messages. */
function tokenOf(value: unknown): string {
  if (typeof value === 'string') return 'STRING_VALUE';
  if (typeof value === 'number') return 'NUMBER_VALUE';
  if (typeof value === 'boolean') return value ? 'TRUE_VALUE' : 'FALSE_VALUE';
  return Array.isArray(value) ? 'START_ARRAY' : 'START_OBJECT';
}

function broken(shown: string, path: string, constraint: string): string {
  return `Value ${shown}at '${path}' failed to satisfy constraint: Member must ${constraint}`;
}

function lengthViolation(length: number, min: number, max: number): string | undefined {
  if (length < min) return `have length greater than or equal to ${min}`;
  return length > max ? `have length less than or equal to ${max}` : undefined;
}

interface StringLimits {
  readonly min?: number;
  readonly max?: number;
  /** As the API model has it, anchored or not: it must match from end to end. */
  readonly pattern?: string;
}

export function string(limits: StringLimits = {}): Member<string, false> {
  const { min = 0, max = Infinity } = limits;
  const pattern = limits.pattern === undefined ? undefined : new RegExp(`^(?:${limits.pattern})$`, 'u');
  return {
    required: false,
    parse(value, path, violations) {
      if (typeof value !== 'string')
        throw serializationException(`${tokenOf(value)} can not be converted to a String`);
      const wrong = lengthViolation(value.length, min, max);
      if (wrong !== undefined) violations.push(broken(`'${value}' `, path, wrong));
      if (pattern !== undefined && !pattern.test(value)) {
        const constraint = `satisfy regular expression pattern: ${limits.pattern ?? ''}`;
        violations.push(broken(`'${value}' `, path, constraint));
      }
      return value;
    },
  };
}

export function oneOf<const T extends string>(values: readonly T[]): Member<T, false> {
  return {
    required: false,
    parse(value, path, violations) {
      if (typeof value !== 'string')
        throw serializationException(`${tokenOf(value)} can not be converted to a String`);
      const found = values.find((one) => one === value);
      if (found === undefined) {
        violations.push(broken(`'${value}' `, path, `satisfy enum value set: [${values.join(', ')}]`));
      }
      return found;
    },
  };
}

export function integer(min: number, max: number): Member<number, false> {
  return {
    required: false,
    parse(value, path, violations) {
      if (typeof value !== 'number')
        throw serializationException(`${tokenOf(value)} can not be converted to an Integer`);
      const whole = Math.trunc(value);
      if (whole < min)
        violations.push(broken(`'${whole}' `, path, `have value greater than or equal to ${min}`));
      if (whole > max)
        violations.push(broken(`'${whole}' `, path, `have value less than or equal to ${max}`));
      return whole;
    },
  };
}

/** Epoch seconds on the wire, with fractions. Read as epoch milliseconds. */
export const timestampMember: Member<number, false> = {
  required: false,
  parse(value) {
    if (typeof value !== 'number')
      throw serializationException(`${tokenOf(value)} can not be converted to a Timestamp`);
    return Math.round(value * 1000);
  },
};

export const boolean: Member<boolean, false> = {
  required: false,
  parse(value) {
    if (typeof value !== 'boolean')
      throw serializationException(`${tokenOf(value)} can not be converted to a Boolean`);
    return value;
  },
};

const base64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/** Bytes, base64 on the wire. `sensitive` ones are never shown in a message. */
export function blob(limits: { min: number; max: number; sensitive?: boolean }): Member<Buffer, false> {
  return {
    required: false,
    parse(value, path, violations) {
      if (typeof value !== 'string')
        throw serializationException(`${tokenOf(value)} can not be converted to a Blob`);
      if (!base64.test(value)) throw serializationException(`The value at '${path}' is not valid base64`);
      const bytes = Buffer.from(value, 'base64');
      const wrong = lengthViolation(bytes.length, limits.min, limits.max);
      if (wrong !== undefined) {
        // The real service is a Java program, and says so.
        const { length } = bytes;
        const shown = limits.sensitive ? '' : `'java.nio.HeapByteBuffer[pos=0 lim=${length} cap=${length}]' `;
        violations.push(broken(shown, path, wrong));
      }
      return bytes;
    },
  };
}

export function list<T>(member: Member<T, boolean>, max = Infinity): Member<T[], false> {
  return {
    required: false,
    parse(value, path, violations) {
      if (!Array.isArray(value))
        throw serializationException(`${tokenOf(value)} can not be converted to a List`);
      if (value.length > max) {
        violations.push(broken(`'[${value.join(', ')}]' `, path, `have length less than or equal to ${max}`));
      }
      const items: T[] = [];
      for (const [index, one] of value.entries()) {
        const item = parseMember(member, one, `${path}.${index + 1}.member`, violations);
        if (item !== undefined) items.push(item);
      }
      return items;
    },
  };
}

export function structure<S extends Shape>(shape: S): Member<Input<S>, false> {
  return {
    required: false,
    parse(value, path, violations) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) {
        throw serializationException(`${tokenOf(value)} can not be converted to a Structure`);
      }
      return parseMembers(shape, value, path, violations);
    },
  };
}

export function required<T>(member: Member<T, false>): Member<T, true> {
  return {
    required: true,
    parse(value, path, violations) {
      return member.parse(value, path, violations);
    },
  };
}

function parseMember<T>(
  member: Member<T, boolean>,
  value: unknown,
  path: string,
  violations: string[],
): T | undefined {
  if (value === undefined || value === null) {
    if (member.required) violations.push(broken('null ', path, 'not be null'));
    return undefined;
  }
  return member.parse(value, path, violations);
}

function parseMembers<S extends Shape>(
  shape: S,
  value: object,
  path: string,
  violations: string[],
): Input<S> {
  const parsed: Record<string, unknown> = {};
  for (const name in shape) {
    const member = shape[name];
    if (member === undefined) continue;
    const inner = name.charAt(0).toLowerCase() + name.slice(1);
    const given = Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
    parsed[name] = parseMember(member, given, path === '' ? inner : `${path}.${inner}`, violations);
  }
  return parsed as Input<S>; // As built from `shape`, unless there are violations: then nobody gets to see it.
}

/** Checks a request against its shape. Throws `SerializationException` or `ValidationException`. */
export function parseRequest<S extends Shape>(shape: S, request: unknown): Input<S> {
  if (typeof request !== 'object' || request === null || Array.isArray(request)) {
    throw serializationException('The request is not a JSON object');
  }
  const violations: string[] = [];
  const input = parseMembers(shape, request, '', violations);
  if (violations.length > 0) {
    const errors = violations.length === 1 ? 'error' : 'errors';
    throw validationException(`${violations.length} validation ${errors} detected: ${violations.join('; ')}`);
  }
  return input;
}
