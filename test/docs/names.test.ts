import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { TlsSocket } from '../../lib/tls/socket/tls-socket.ts';
import { allPages, pageText, quotedIn, sectionOf, sourceText, tableOf } from './page-tables.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const inRoot = readdirSync(root).filter((name) => name.endsWith('.md'));
const texts = new Map([
  ...inRoot.map((name) => [name, readFileSync(join(root, name), 'utf8')] as const),
  ...allPages().map((page) => [`docs/${page}`, pageText(page)] as const),
]);

/** Whether the class declares a field, which its prototype does not show. */
const isField = (name: string): boolean =>
  new RegExp(`^  (?:readonly |declare )*${name}[!?]?[:=; ]`, 'm').test(
    sourceText('tls/socket/tls-socket.ts'),
  );

describe('names on the pages', () => {
  it('npm run NAME: each is a script of package.json', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
    const shown = [...texts].flatMap(([page, text]) =>
      [...text.matchAll(/npm run ([a-z:]+)/g)].map(([, name = '']) => ({ page, name })),
    );
    expect(shown).to.have.length.above(15);
    expect(shown.filter(({ name }) => !(name in scripts))).to.deep.equal([]);
  });

  it('paths in the repository: each is there', () => {
    // What a build or npm pack creates.
    const created = /^(build|dist|prebuilds|vendor\/(sources|headers))/;
    const shown = [...texts].flatMap(([page, text]) =>
      quotedIn(text.replaceAll(/^```[\s\S]*?^```$/gm, ''))
        .filter((name) => /^(binding|docs|examples|lib|scripts|test|vendor)\/[\w./-]*$/.test(name))
        .map((name) => ({ page, name })),
    );
    expect(shown).to.have.length.above(25);
    // NAME, FOLDER and WHAT stand for the reader's own.
    const missing = shown.filter(
      ({ name }) => !created.test(name) && !/\b[A-Z]{4,}\b|NAME_/.test(name) && !existsSync(join(root, name)),
    );
    expect(missing).to.deep.equal([]);
  });

  it('folders of lib/ and binding/: CONTRIBUTING.md and docs/architecture.md have each', () => {
    const foldersOf = (name: string): string[] =>
      readdirSync(join(root, name), { withFileTypes: true }).flatMap((it) =>
        it.isDirectory() ? [it.name] : [],
      );
    const [, map = ''] = (texts.get('CONTRIBUTING.md') ?? '').split('## Where things are\n');
    const architecture = sectionOf('architecture.md', 'Folders');
    for (const name of ['binding', 'lib']) {
      for (const folder of foldersOf(name)) {
        expect(map, `CONTRIBUTING.md, ${name}`).to.include(`\`${folder}/\``);
        expect(architecture, 'docs/architecture.md').to.include(`[${name}/${folder}]`);
      }
    }
  });

  it('docs/rules.md: each test exists', () => {
    const folder = join(root, 'test');
    const files = readdirSync(folder, { recursive: true, encoding: 'utf8' });
    const native = files
      .filter((name) => name.startsWith('binding/') && name.endsWith('.cc'))
      .flatMap((name) => [...readFileSync(join(folder, name), 'utf8').matchAll(/^TEST\((\w+)\)/gm)])
      .map(([, name = '']) => name);
    const patterns = tableOf('rules.md', 'Rules of s2n-tls, and the tests that hold them').flatMap(
      ([, tests = '']) => quotedIn(tests),
    );
    expect(patterns).to.have.length.above(15);
    const missing = patterns.filter((pattern) => {
      const whole = new RegExp(`(^|/)${pattern.replaceAll('.', '\\.').replaceAll(/[…*]/g, '.*')}$`);
      return ![...native, ...files].some((name) => whole.test(name));
    });
    expect(missing).to.deep.equal([]);
  });

  it('docs/api/tls-socket.md: each property and method exists', () => {
    const text = ['As in tls.TLSSocket', 'Only here']
      .map((it) => sectionOf('api/tls-socket.md', it))
      .join('\n');
    const names = [...text.matchAll(/^- (.*)$/gm)].flatMap(([, row = '']) =>
      [...row.matchAll(/`([a-zA-Z]+)(?:\(.*?\))?`(?= \{|\(|, `|$| →| Those| Act| In)/g)].map(
        ([, name = '']) => name,
      ),
    );
    expect(names).to.include.members(['getCipher', 'authorized', 'endedWithoutCloseNotify']);
    expect(names.filter((name) => !(name in TlsSocket.prototype || isField(name)))).to.deep.equal([]);
  });
});
