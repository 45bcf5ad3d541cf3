import { inspect } from 'node:util';
import { expect } from 'chai';
import { InvalidOptionError } from '../../lib/errors.ts';
import type { Option } from '../../lib/options/option.ts';
import { optionInterfaces, type OptionInterface } from '../docs/option-interfaces.ts';
import { publicOptions, withoutSchema, type PublicOptions } from './public-options.ts';

const canary = 'Kanarienvogel7';
const digits = 918_273_645_546;

/** Values that an option of another kind may be given by mistake. */
const mistakes: readonly unknown[] = [
  canary,
  digits,
  -digits,
  { secret: canary, toString: () => canary },
  [canary],
  true,
];

async function refusalOf(use: () => unknown): Promise<unknown> {
  try {
    await use();
    return 'accepted';
  } catch (error) {
    return error;
  }
}

/** All that an error says, and what caused it. */
function textOf(error: unknown): string {
  const told: string[] = [];
  for (let each = error; each instanceof Error; each = each.cause) {
    told.push(each.message, inspect(each, { depth: 0 }));
  }
  return told.join('\n');
}

/** What a value that does not fit is refused with. */
async function expectRefusal(name: string, option: Option<unknown>, own: PublicOptions): Promise<void> {
  const { use, place = '' } = own;
  for (const value of mistakes.filter((each) => !option.fits(each))) {
    const error = await refusalOf(() => use?.({ [name]: value }));
    const what = `${place}${name}: ${inspect(value)}: ${String(error)}`;
    expect(error, what).to.be.instanceOf(InvalidOptionError);
    expect(error, what).to.have.property('option', `${place}${name}`);
    expect((error as Error).message, what).to.contain(`${name}: expected ${option.expected}`);
    if (!option.isSecret) continue;
    expect(textOf(error), what).not.to.contain(canary).and.not.to.contain(String(digits));
  }
}

describe('every option of the package', () => {
  let interfaces: readonly OptionInterface[];
  before(function () {
    this.timeout(60_000); // compiles lib/
    interfaces = optionInterfaces();
  });

  it('is in a schema, and every row of a schema is an option', () => {
    expect(interfaces.length).to.be.above(40);
    for (const { name, own, all } of interfaces) {
      if (withoutSchema[name] !== undefined) continue;
      const rows = Object.keys(publicOptions[name]?.schema ?? {});
      expect(
        own.filter((option) => !rows.includes(option)),
        `${name}: options without a row`,
      ).to.deep.equal([]);
      expect(
        rows.filter((row) => !all.includes(row)),
        `${name}: rows without an option`,
      ).to.deep.equal([]);
    }
  });

  it('belongs to an interface that is exported', () => {
    const names = interfaces.map(({ name }) => name);
    const known = [...Object.keys(publicOptions), ...Object.keys(withoutSchema)];
    expect(known.filter((name) => !names.includes(name))).to.deep.equal([]);
  });

  for (const [name, own] of Object.entries(publicOptions)) {
    if (!own.use) continue;
    const rows = Object.entries(own.schema).filter(([row]) => own.passesOn?.includes(row) !== true);

    it(`is refused by its name, with what was expected, and no secret: ${name}`, async () => {
      for (const [row, option] of rows) await expectRefusal(row, option, own);
    }).timeout(20_000);

    if (own.isOpen) continue;
    it(`is refused where there is none of its name, with the one that is near: ${name}`, async () => {
      for (const row of Object.keys(own.schema)) {
        const misspelt = `${row}z`;
        const error = await refusalOf(() => own.use?.({ [misspelt]: canary }));
        expect(error, String(error)).to.be.instanceOf(InvalidOptionError);
        expect(error).to.have.property('option', `${own.place ?? ''}${misspelt}`);
        if (row.length > 2) expect(textOf(error)).to.contain(`expected '${row}'`);
        expect(textOf(error)).not.to.contain(canary);
      }
      const error = await refusalOf(() => own.use?.({ nothingLikeThese: canary }));
      expect(textOf(error)).to.contain(`expected one of ${Object.keys(own.schema).join(', ')}`);
    });
  }
});
