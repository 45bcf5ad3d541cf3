import { expect } from 'chai';
import { InvalidOptionError } from '../../lib/errors.ts';
import {
  anything,
  callback,
  choice,
  flag,
  fraction,
  milliseconds,
  object,
  requiredText,
  text,
  wholeNumber,
} from '../../lib/options/kinds.ts';
import {
  readOption,
  readOptions,
  readOptionsObject,
  type Option,
  type Schema,
} from '../../lib/options/option.ts';

const secret = 'Kanarienvogel7';

/** The message of a refusal. */
function refusalOf(act: () => unknown): string {
  try {
    act();
  } catch (error) {
    if (error instanceof InvalidOptionError) return error.message;
    throw error;
  }
  return 'accepted';
}

describe('options, by a schema', () => {
  const schema = {
    timeout: milliseconds({ least: 1, fallback: 5_000 }),
    share: fraction({ least: 0, most: 0.5, fallback: 0.05 }),
    requests: choice(['fast', 'sdk'], 'fast'),
    isOn: flag(true),
    onEnd: callback<() => void>(),
    pin: text({ expected: 'a string' }),
  } satisfies Schema;

  it('are what was given, or else their defaults; others are not looked at', () => {
    const onEnd = (): void => undefined;
    expect(readOptions(schema, { share: 0.5, isOn: false, onEnd, another: 7 })).to.deep.equal({
      ...{ timeout: 5_000, share: 0.5, requests: 'fast', isOn: false, onEnd, pin: undefined },
    });
  });

  it('are read once each, also from a getter', () => {
    let count = 0;
    const options = {
      get timeout() {
        return (count += 1);
      },
    };
    expect(readOptions(schema, options).timeout).to.equal(1);
    expect(count).to.equal(1);
  });

  for (const [name, value, message] of [
    ['timeout', 0, 'timeout: expected a whole number of milliseconds from 1 to 2147483647; given 0'],
    [
      'timeout',
      2 ** 31,
      'timeout: expected a whole number of milliseconds from 1 to 2147483647; given 2147483648',
    ],
    ['timeout', 1.5, 'timeout: expected a whole number of milliseconds from 1 to 2147483647; given 1.5'],
    ['timeout', '9', "timeout: expected a whole number of milliseconds from 1 to 2147483647; given '9'"],
    ['timeout', null, 'timeout: expected a whole number of milliseconds from 1 to 2147483647; given null'],
    ['share', NaN, 'share: expected a number from 0 to 0.5; given NaN'],
    ['requests', 'slow', "requests: expected 'fast' or 'sdk'; given 'slow'"],
    ['isOn', 1, 'isOn: expected true or false; given 1'],
    ['onEnd', secret, 'onEnd: expected a function; given a string'],
    ['pin', 7, 'pin: expected a string; given a number'],
  ] as const) {
    it(`are refused by name, with what was given and what was expected: ${name}, ${String(value)}`, () => {
      expect(refusalOf(() => readOptions(schema, { [name]: value }))).to.equal(message);
    });
  }

  it('are not repeated where they may hold a secret, nor where they look like one', () => {
    const secrets: Schema = {
      pin: text({ expected: 'four digits', pattern: /^\d{4}$/ }),
      token: requiredText({ expected: 'a token', pattern: /^s\./ }),
      credential: anything({ type: 'object', expected: 'a credential', fits: () => false }),
      clientOptions: object('an object', {}),
      fetch: callback('a function'),
    };
    for (const [name, option] of Object.entries(secrets)) {
      const message = refusalOf(() => readOption(name, option, secret));
      expect(message, name).to.match(/; given a string$/);
    }
    const url = text({ expected: 'a URL', pattern: /^https:/, isSecret: false });
    expect(refusalOf(() => readOption('url', url, `ftp://user:${secret}@host`))).to.match(
      /; given a string$/,
    );
    expect(refusalOf(() => readOption('url', url, 'ftp://host'))).to.match(/; given 'ftp:\/\/host'$/);
  });

  it('may be required, and may take null for none', () => {
    const keyId = requiredText({ expected: 'an id' });
    expect(refusalOf(() => readOption('keyId', keyId, undefined))).to.equal(
      'keyId: expected an id; given undefined',
    );
    const most: Option<number> = { ...wholeNumber({ least: 0, fallback: 100 }), takesNull: true };
    expect(readOption('most', most, null)).to.equal(100);
    expect(refusalOf(() => readOption('most', most, -1))).to.equal(
      'most: expected a whole number, 0 or more; given -1',
    );
  });

  it('must come in an object, where a function takes nothing else', () => {
    const expected = 'an object such as { timeout }';
    for (const [given, described] of [
      [undefined, 'undefined'],
      [null, 'null'],
      [secret, 'a string'],
    ] as const) {
      expect(refusalOf(() => readOptionsObject(schema, given, expected))).to.equal(
        `options: expected ${expected}; given ${described}`,
      );
    }
  });
});
