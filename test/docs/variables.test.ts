import { expect } from 'chai';
import { readScheduling } from '../../lib/native/scheduling.ts';
import { readSettings, settingVariables } from '../../lib/register/settings.ts';
import { listedCodes } from './listed-codes.ts';
import { allPages, pageText, quotedIn, sourceText, tableOf } from './page-tables.ts';

/** Names like `S2N_PKEY_ADDON` in a text, without error codes, warnings' codes, and variables for tests of this package. */
function variablesIn(text: string): string[] {
  const codes = listedCodes();
  const names = [...text.matchAll(/(?<![A-Z_])S2N_PKEY_[A-Z0-9_]*[A-Z0-9](?![A-Z0-9_*…])/g)].map(
    ([name]) => name,
  );
  return [...new Set(names)].filter((name) => !codes.has(name) && !name.startsWith('S2N_PKEY_TEST_'));
}

/** The variables of the environment that lib/ reads: literals, and the settings of s2n-pkey/register. */
function variablesRead(): string[] {
  const literals = [...sourceText('.').matchAll(/'(S2N_PKEY_[A-Z0-9_]+)'/g)].map(([, name = '']) => name);
  const others = ['S2N_PKEY_CONFIG', 'S2N_PKEY_REGISTER_PARENT'];
  return variablesIn([...literals, ...settingVariables.values(), ...others].join(' ')).sort();
}

describe('the environment variables of the package', () => {
  it('are each named by a page of docs/', () => {
    const named = new Set(allPages().flatMap((page) => variablesIn(pageText(page))));
    const read = variablesRead();
    expect(read).to.include.members(['S2N_PKEY_ADDON', 'S2N_PKEY_PKCS11_PIN', 'S2N_PKEY_SPIN_MICROSECONDS']);
    expect(read.filter((name) => !named.has(name))).to.deep.equal([]);
  });

  it('are the only ones that pages for users name', () => {
    const read = new Set(variablesRead());
    // The page for maintainers names a variable of the build.
    const unknown = allPages()
      .filter((page) => page !== 'upgrading-s2n-tls.md')
      .flatMap((page) => variablesIn(pageText(page)).map((name) => `${page}: ${name}`))
      .filter((found) => !read.has(found.replace(/^.*: /, '')));
    expect(unknown).to.deep.equal([]);
  });

  it('cause no warning of s2n-pkey/register that a setting is unknown', () => {
    const settings = new Set(settingVariables.values());
    const others = variablesRead().filter((name) => !settings.has(name) && name !== 'S2N_PKEY_CONFIG');
    const warnings: string[] = [];
    readSettings(
      {
        S2N_PKEY_CERT: 'cert.pem',
        S2N_PKEY_KEY_ID: 'alias/site',
        ...Object.fromEntries(others.map((name) => [name, '1'])),
      },
      '/',
      (message) => warnings.push(message),
    );
    expect(warnings).to.deep.equal([]);
  });
});

describe('the table of tuning in docs/limits.md', () => {
  const rows = tableOf('limits.md', 'Tuning').map((cells) => cells.map((cell) => quotedIn(cell)));
  const read = (variables: Record<string, string>): object => readScheduling(variables);

  it('has a row for each variable that the engine reads', () => {
    const names = [...sourceText('native/scheduling.ts').matchAll(/'(S2N_PKEY_\w+)'/g)].map(
      ([, name]) => name,
    );
    expect(names).to.have.length.above(3);
    expect(rows.map(([variable]) => variable?.[0])).to.have.members(names);
  });

  it('has the defaults that apply', () => {
    for (const [[variable = ''] = [], [value = ''] = []] of rows) {
      expect(read({ [variable]: value }), variable).to.deep.equal(read({}));
    }
  });

  it('has the values that are accepted: the ends of a range, and nothing beyond them', () => {
    for (const [[variable = ''] = [], , [lowest = '', highest = ''] = []] of rows) {
      expect(() => read({ [variable]: lowest }), variable).not.to.throw();
      expect(() => read({ [variable]: highest }), variable).not.to.throw();
      for (const beyond of [Number(lowest) - 1, Number(highest) + 1]) {
        expect(() => read({ [variable]: String(beyond) }), variable).to.throw(variable);
      }
    }
  });
});
