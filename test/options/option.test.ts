import { expect } from 'chai';
import { InvalidOptionError } from '../../lib/errors.ts';
import {
  anything,
  callback,
  choice,
  flag,
  fraction,
  groupOrFalse,
  list,
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

  describe('that have a name that no option has', () => {
    const expected = 'an object such as { timeout }';
    for (const [name, message] of [
      ['timout', "timout: expected 'timeout', since there is no such option; given a string"],
      ['Requests', "Requests: expected 'requests', since there is no such option; given a string"],
      [
        'colour',
        'colour: expected one of timeout, share, requests, isOn, onEnd, pin, since there is no such option; given a string',
      ],
    ] as const) {
      it(`are refused with the nearest name, or with all: ${name}`, () => {
        expect(refusalOf(() => readOptionsObject(schema, { [name]: secret }, expected))).to.equal(message);
      });
    }

    it('are refused within an option of options, too', () => {
      const nested = { hedging: groupOrFalse({ share: fraction({ least: 0 }) }, 'an object') };
      const read = (hedging: unknown) => (): unknown => readOptionsObject(nested, { hedging }, expected);
      expect(refusalOf(read({ shares: 1 }))).to.equal(
        "hedging.shares: expected 'share', since there is no such option; given a number",
      );
      expect(refusalOf(read({ share: -1 }))).to.equal(
        'hedging.share: expected a number, 0 or more; given -1',
      );
      expect(refusalOf(read([]))).to.equal(
        'hedging: expected an object, or false; given an instance of Array',
      );
      expect(refusalOf(read(false))).to.equal('accepted');
    });

    it('are no reason to refuse where they are undefined', () => {
      expect(refusalOf(() => readOptionsObject(schema, { colour: undefined }, expected))).to.equal(
        'accepted',
      );
    });
  });

  it('of a list are refused by their place', () => {
    const lists = { names: list(requiredText({ expected: 'a name', pattern: /./ }), 'names', 1) };
    const read = (names: unknown) => (): unknown => readOptions(lists, { names });
    expect(refusalOf(read(['a', '']))).to.equal('names[1]: expected a name; given an empty string');
    expect(refusalOf(read([]))).to.equal('names: expected names; given an instance of Array');
    expect(refusalOf(read(['a', 'b']))).to.equal('accepted');
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
