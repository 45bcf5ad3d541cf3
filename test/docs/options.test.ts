import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { publicOptions } from '../options/public-options.ts';
import { optionInterfaces, type OptionInterface } from './option-interfaces.ts';

const docs = fileURLToPath(new URL('../../docs', import.meta.url));

/** A list of options on a page, below `<!-- options: Interface -->`, `… extends Other -->` where another list has the rest. */
interface OptionList {
  readonly page: string;
  readonly of: string;
  readonly extends: readonly string[];
  readonly rows: readonly string[];
  /** The whole item of each row, in one line. */
  readonly items: ReadonlyMap<string, string>;
}

/** Each item of a list with the options that it begins with: a list within an item belongs to the item. */
function itemsOf(list: string): (readonly [name: string, item: string])[] {
  return list.split(/^(?=- )/m).flatMap((item) => {
    const [, names = ''] = /^- ((?:`\w+`(?:,\s+)?)+)/.exec(item) ?? [];
    const text = item.replaceAll(/\s+/g, ' ');
    return [...names.matchAll(/`(\w+)`/g)].map(([, name = '']) => [name, text] as const);
  });
}

/** `{[Signer](signer.md) | Function}` as `Function | Signer`; undefined: the item gives no type. */
function typeOf(item: string): string | undefined {
  const [, type] = /^- (?:`\w+`,? )+\{(.*?)\}/.exec(item) ?? [];
  return type && sorted(type.replaceAll(/\[(\w+)\]\([^)]*\)/g, '$1'));
}

function sorted(union: string): string {
  return union.split(' | ').sort().join(' | ');
}

/** A value as pages and comments write it, without what makes it pretty. */
function plain(text: string): string {
  return text.replaceAll(/[`'"]|(?<=\d),(?=\d{3})/g, '');
}

/** How a default may be written: permissions in octal, and 0 in words where it means none. */
function shownAs(fallback: unknown): string[] {
  if (typeof fallback !== 'number') return [String(fallback)];
  return [String(fallback), `0o${fallback.toString(8)}`, ...(fallback === 0 ? ['none', 'any'] : [])];
}

function isShown(fallback: unknown): fallback is string | number | boolean {
  return (typeof fallback === 'string' && fallback !== '') || ['number', 'boolean'].includes(typeof fallback);
}

function optionLists(): OptionList[] {
  return readdirSync(docs, { recursive: true, encoding: 'utf8' })
    .filter((page) => page.endsWith('.md'))
    .flatMap((page) => {
      const text = readFileSync(join(docs, page), 'utf8');
      const lists = text.matchAll(
        /<!-- options: (\w+)(?: extends ([\w, ]+))? -->\n([\s\S]*?)(?=\n#|\n<!--|$)/g,
      );
      return [...lists].map(([, of = '', others = '', list = '']) => {
        const items = itemsOf(list);
        return {
          page,
          of,
          extends: others.split(/[, ]+/).filter(Boolean),
          rows: items.map(([name]) => name),
          items: new Map(items),
        };
      });
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

  for (const { of, page, items, extends: others } of lists) {
    const schema = publicOptions[of]?.schema;
    if (!schema) continue;
    it(`${of}: have the kinds and defaults of the schema on ${page}`, () => {
      for (const [name, item] of items) {
        const { type = '', fallback, isRequired } = schema[name] ?? {};
        const what = `${page}: ${name}: ${item}`;
        const documented = typeOf(item);
        if (documented === undefined) {
          // It is described where the item says, or as Node's.
          expect(others.length > 0 || /As (in|of|above)/.test(item), `${what} has no type`).to.equal(true);
          continue;
        }
        expect(documented, what).to.equal(sorted(type));
        if (isRequired === true) expect(item, what).to.match(/required|\*\*Default:/i);
        if (isShown(fallback) && fallback !== Infinity && !/\bas in\b/i.test(item)) {
          const shown = shownAs(fallback).map((value) => `**Default:** ${value}`);
          expect(plain(item), what).to.satisfy((text: string) => shown.some((each) => text.includes(each)));
        }
        const [, literal] = /\*\*Default:\*\* `(true|false|[\d,.]+)`/.exec(item) ?? [];
        if (literal !== undefined) expect(shownAs(fallback), what).to.contain(plain(literal));
      }
    });
  }

  for (const [name, { schema }] of Object.entries(publicOptions)) {
    it(`${name}: have the defaults of the schema in the comments of the declarations`, () => {
      for (const [option, { fallback }] of Object.entries(schema)) {
        const comment = interfaces.get(name)?.comments.get(option) ?? '';
        if (typeof fallback !== 'number' || fallback === 0 || fallback === Infinity) continue;
        expect(shownAs(fallback), `${name}.${option}: ${comment}`).to.satisfy((values: string[]) =>
          values.some((value) => plain(comment).includes(value)),
        );
      }
    });
  }
});
