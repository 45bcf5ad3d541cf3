import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import ts from 'typescript';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** Every page that users and contributors read, as paths from the checkout. */
const pages = [
  ...readdirSync(root).filter((name) => name.endsWith('.md')),
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.md'))
    .map((name) => join('docs', name)),
].sort();

const textOf = (page: string): string => readFileSync(join(root, page), 'utf8');
const withoutCode = (text: string): string => text.replaceAll(/^ *```[\s\S]*?^ *```$/gm, '');

/** The anchors of a page's headings, as GitHub makes them, and those of HTML. */
function anchorsOf(page: string): Set<string> {
  const text = withoutCode(textOf(page));
  const anchors = new Set([...text.matchAll(/<a (?:id|name)="([^"]+)"/g)].map(([, id = '']) => id));
  for (const [, heading = ''] of text.matchAll(/^#+ (.*)$/gm)) {
    const words = heading.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
    const anchor = words.replaceAll(/[^\p{L}\p{N}_ -]/gu, '').replaceAll(' ', '-');
    let free = anchor;
    for (let n = 1; anchors.has(free); n++) free = `${anchor}-${n}`;
    anchors.add(free);
  }
  return anchors;
}

function linksOf(page: string): string[] {
  const text = withoutCode(textOf(page)).replaceAll(/`[^`\n]*`/g, '');
  const inline = [...text.matchAll(/\]\(<?([^)\s>]+)>?(?: "[^"]*")?\)/g)];
  const definitions = [...text.matchAll(/^\[[^\]]+\]: (\S+)/gm)];
  const html = [...text.matchAll(/(?:href|src|srcset)="([^"\s]+)"/g)];
  return [...inline, ...definitions, ...html].map(([, target = '']) => target);
}

describe('the pages of documentation', () => {
  for (const page of pages) {
    it(`${page}: links and anchors lead somewhere`, () => {
      for (const link of linksOf(page)) {
        if (/^(https?|mailto):/.test(link)) continue;
        const [path = '', anchor = ''] = link.split('#');
        const target = path === '' ? page : relative(root, resolve(root, dirname(page), path));
        expect(existsSync(join(root, target)), `${page} → ${link}`).to.equal(true);
        if (anchor !== '' && target.endsWith('.md')) {
          expect([...anchorsOf(target)], `${page} → ${link}`).to.include(anchor);
        }
      }
    });
  }

  it('begin with a title and a sentence', () => {
    for (const page of pages.filter((it) => !it.startsWith('docs/api/'))) {
      const [title = '', first = ''] = textOf(page).split(/\n\n+/);
      expect(title, page).to.match(/^# \S/);
      expect(first, page).to.match(/^(?!#|\||```)/);
    }
  });

  it('are all reached from docs/README.md', () => {
    const index = linksOf(join('docs', 'README.md')).map((link) =>
      relative(root, resolve(root, 'docs', link.replace(/#.*/, ''))),
    );
    const others = pages.filter((page) => page.startsWith('docs/') && page !== 'docs/README.md');
    expect(others.filter((page) => !index.includes(page))).to.deep.equal([]);
  });

  it('have JavaScript that parses', () => {
    for (const page of pages) {
      for (const [, , language = '', code = ''] of textOf(page).matchAll(
        /^( *)```(js|ts)\n([\s\S]*?)^ *```$/gm,
      )) {
        const { diagnostics = [] } = ts.transpileModule(code, {
          reportDiagnostics: true,
          fileName: `page.${language === 'ts' ? 'ts' : 'mjs'}`,
          compilerOptions: { target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.ESNext },
        });
        const found = diagnostics.map(({ messageText }) => messageText);
        expect(found, `${page}: ${code.slice(0, 60)}`).to.deep.equal([]);
      }
    }
  });
});
