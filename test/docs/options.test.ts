import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { optionInterfaces, type OptionInterface } from './option-interfaces.ts';

const docs = fileURLToPath(new URL('../../docs', import.meta.url));

/** A list of options on a page, below `<!-- options: Interface -->`, `… extends Other -->` where another list has the rest. */
interface OptionList {
  readonly page: string;
  readonly of: string;
  readonly extends: readonly string[];
  readonly rows: readonly string[];
}

function optionLists(): OptionList[] {
  return readdirSync(docs, { recursive: true, encoding: 'utf8' })
    .filter((page) => page.endsWith('.md'))
    .flatMap((page) => {
      const text = readFileSync(join(docs, page), 'utf8');
      const lists = text.matchAll(
        /<!-- options: (\w+)(?: extends ([\w, ]+))? -->\n([\s\S]*?)(?=\n#|\n<!--|$)/g,
      );
      return [...lists].map(([, of = '', others = '', list = '']) => ({
        page,
        of,
        extends: others.split(/[, ]+/).filter(Boolean),
        rows: [...list.matchAll(/^- ((?:`\w+`(?:,\s+)?)+)/gm)].flatMap(([, names = '']) =>
          [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => name),
        ),
      }));
    });
}

describe('the options in docs/', () => {
  let interfaces: Map<string, OptionInterface>;
  before(function () {
    this.timeout(60_000); // compiles lib/
    interfaces = new Map(optionInterfaces().map((it) => [it.name, it]));
  });
  const lists = optionLists();

  it('are listed for every interface of options that the package exports', () => {
    expect(interfaces.size).to.be.above(15);
    const listed = lists.flatMap(({ of }) => interfaces.get(of) ?? []);
    // A part of a larger interface needs no list of its own.
    const isListed = ({ own }: OptionInterface): boolean =>
      listed.some(({ all }) => own.every((option) => all.includes(option)));
    const missing = [...interfaces.values()].filter(
      (it) => !isListed(it) && it.name !== 'S2nPkeyErrorOptions',
    );
    expect(missing).to.deep.equal([]);
  });

  for (const name of new Set(lists.map(({ of }) => of))) {
    it(`${name}: no option without a row, no row without an option`, () => {
      const found = interfaces.get(name);
      expect(found, `${name} is not exported`).not.to.equal(undefined);
      const rows = lists.filter((list) => list.of === name);
      const elsewhere = new Set(
        rows.flatMap((list) => list.extends).flatMap((other) => interfaces.get(other)?.own ?? []),
      );
      const here = rows.flatMap((list) => list.rows);
      const missing = found?.own.filter((option) => !here.includes(option) && !elsewhere.has(option));
      expect(missing, 'without a row').to.deep.equal([]);
      expect(
        here.filter((row) => !found?.all.includes(row)),
        'without an option',
      ).to.deep.equal([]);
      expect(
        here.filter((row, at) => here.indexOf(row) !== at),
        'twice',
      ).to.deep.equal([]);
    });
  }
});
