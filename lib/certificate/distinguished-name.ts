import { InvalidOptionError } from '../errors.ts';
import { isOptionsObject, type Option } from '../options/option.ts';

/**
 * A subject: attributes and their values, in the order they are to be written, such as
 * `{ CN: 'site.example', O: 'Example Ltd', C: 'GB' }`; or the same as text, `'CN=site.example, O=Example Ltd, C=GB'`, with a
 * backslash before a comma, plus sign or backslash inside a value (RFC 4514 §2.4). Attributes: CN, O, OU, L, ST, C, DC, E.
 */
export type DistinguishedName = string | Readonly<Record<string, string | readonly string[]>>;

/** One attribute of a checked name. */
export interface NameAttribute {
  /** As in `CN`. */
  readonly type: string;
  readonly oid: string;
  readonly value: string;
  /** The ASN.1 string it is written as. */
  readonly encoding: 'utf8String' | 'printableString' | 'ia5String';
}

interface AttributeFacts {
  readonly oid: string;
  readonly encoding: NameAttribute['encoding'];
  /** Characters: the upper bounds of RFC 5280 appendix A.1, which OpenSSL and others hold to. */
  readonly maximum: number;
}

/** RFC 5280 §4.1.2.4 and appendix A.1 say how each is encoded. */
const attributeTypes: Readonly<Record<string, AttributeFacts>> = {
  CN: { oid: '2.5.4.3', encoding: 'utf8String', maximum: 64 },
  O: { oid: '2.5.4.10', encoding: 'utf8String', maximum: 64 },
  OU: { oid: '2.5.4.11', encoding: 'utf8String', maximum: 64 },
  L: { oid: '2.5.4.7', encoding: 'utf8String', maximum: 128 },
  ST: { oid: '2.5.4.8', encoding: 'utf8String', maximum: 128 },
  C: { oid: '2.5.4.6', encoding: 'printableString', maximum: 2 },
  DC: { oid: '0.9.2342.19200300.100.1.25', encoding: 'ia5String', maximum: 63 },
  E: { oid: '1.2.840.113549.1.9.1', encoding: 'ia5String', maximum: 255 },
};

const expected =
  "a name such as { CN: 'site.example', O: 'Example Ltd', C: 'GB' } or 'CN=site.example, O=Example Ltd, C=GB'";

/** Read as its attributes. One that does not fit is refused by its name (`subject.CN`). */
export const subjectOption: Option<readonly NameAttribute[] | undefined> = {
  ...{ type: 'string | object', expected, isSecret: false },
  fits: (value) => typeof value === 'string' || isOptionsObject(value),
  read: (_name, value) => readDistinguishedName(value as DistinguishedName),
};

function readDistinguishedName(subject: DistinguishedName): readonly NameAttribute[] {
  const attributes: NameAttribute[] = [];
  for (const [type, value] of entriesOf(subject)) {
    const values: unknown[] = Array.isArray(value) ? value : [value];
    for (const one of values) attributes.push(checkAttribute(type, one));
  }
  if (attributes.length === 0) throw new InvalidOptionError('subject', expected, subject);
  return attributes;
}

function entriesOf(subject: DistinguishedName): readonly (readonly [string, unknown])[] {
  if (typeof subject === 'string') return parse(subject);
  return Object.entries(subject).filter(([, value]) => value !== undefined);
}

function checkAttribute(type: string, value: unknown): NameAttribute {
  const facts = Object.hasOwn(attributeTypes, type) ? attributeTypes[type] : undefined;
  if (facts === undefined) {
    throw new InvalidOptionError(
      'subject',
      `attributes among ${Object.keys(attributeTypes).join(', ')}`,
      type,
    );
  }
  const option = `subject.${type}`;
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (typeof value !== 'string' || value.trim() === '' || /[\u0000-\u001f\u007f]/.test(value)) {
    throw new InvalidOptionError(option, 'text without control characters', value);
  }
  const { oid, encoding, maximum } = facts;
  if (Array.from(value).length > maximum) {
    const advice =
      type === 'CN' ? '; a longer host name goes into altNames.dns, and the CN may be left out' : '';
    throw new InvalidOptionError(option, `at most ${maximum} characters (RFC 5280)${advice}`, value);
  }
  if (type === 'C' && !/^[A-Z]{2}$/.test(value)) {
    throw new InvalidOptionError(
      option,
      "a country code of two capital letters (ISO 3166), such as 'GB'",
      value,
    );
  }
  if (encoding === 'ia5String' && !/^[\u0020-\u007e]*$/.test(value)) {
    throw new InvalidOptionError(option, 'ASCII', value);
  }
  return { type, oid, value, encoding };
}

/** `TYPE=value` pairs between commas; a backslash takes the next character as it is. */
function parse(text: string): [string, string][] {
  const refuse = (): never => {
    throw new InvalidOptionError('subject', expected, text);
  };
  return [...splitAtCommas(text)].map((part) => {
    const [, type, value] = /^\s*([A-Za-z]+)\s*=\s*(.*?)\s*$/su.exec(part) ?? [];
    if (type === undefined || value === undefined || /(^|[^\\])(\\\\)*\+/.test(value)) return refuse();
    return [type.toUpperCase(), value.replaceAll(/\\(.)/gsu, '$1')];
  });
}

function* splitAtCommas(text: string): Generator<string> {
  let part = '';
  for (const [character] of text.matchAll(/\\.|./gsu)) {
    if (character !== ',') {
      part += character;
      continue;
    }
    yield part;
    part = '';
  }
  yield part;
}
