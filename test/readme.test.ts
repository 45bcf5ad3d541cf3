import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect } from 'chai';
import { blocksOf, ReaderFolder, root } from './fixtures/page-commands.ts';
import { testNeeds } from './fixtures/needs.ts';

const places: [string, () => Promise<ReaderFolder>][] = [
  ['in the clone', () => ReaderFolder.inClone()],
  ['in an empty folder with the package installed', () => ReaderFolder.withPackage()],
];

describe('the README', () => {
  const page = readFileSync(join(root, 'README.md'), 'utf8');

  for (const [where, open] of places) {
    it(`shows a server that works when pasted ${where}`, async function () {
      testNeeds(this, 'curl');
      this.timeout(120_000);
      const blocks = await blocksOf('README.md');
      const code = blocks.find(({ language }) => language === 'js')?.text ?? '';
      const [demo = '', serve = ''] = (
        blocks.find(({ text }) => text.includes('node server.mjs'))?.text ?? ''
      )
        .trim()
        .split('\n');
      const ask = /`(curl [^`]+)`/.exec(page)?.[1] ?? '';
      expect(code.trim().split('\n')).to.have.length.within(5, 10);
      expect([demo, serve, ask]).to.not.include('');

      const reader = await open();
      try {
        await reader.write('server.mjs', code);
        expect(await reader.run(demo)).to.match(/^Answer +"You said/m);
        await reader.start(serve, 'https://localhost:8443');
        expect(await reader.run(`${ask} --silent`)).to.equal('The key to this is in KMS.\n');
      } finally {
        await reader.close();
      }
    });
  }

  it('has at most 8 KB', () => {
    expect(Buffer.byteLength(page)).to.be.at.most(8192);
  });

  it('sets up everything with two commands', () => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { scripts: object };
    const commands = [...page.matchAll(/^npm (?:run )?(\S+)$/gm)].map(([, name]) => name);
    expect(commands).to.have.members(['demo', 'pack', 'test']);
    expect(scripts).to.include.keys('demo', 'prepack', 'test');
  });

  it('links to pages that exist, and to every page on a framework', () => {
    const links = [...page.matchAll(/\]\((?!https:)([^)#]+)|(?:src|srcset)="([^"]+)"/g)].map(
      ([, link, image]) => link ?? image ?? '',
    );
    expect(links.filter((link) => !existsSync(join(root, dirname('README.md'), link)))).to.deep.equal([]);
    const frameworks = readdirSync(join(root, 'docs', 'frameworks')).map((name) => `docs/frameworks/${name}`);
    const onePage = ['accepted-socket', 'connect-tunnel', 'duplex'].map(
      (name) => `docs/frameworks/${name}.md`,
    );
    expect(links).to.include.members(frameworks.filter((name) => !onePage.includes(name)));
  });

  it('quotes figures that the published run has', () => {
    const published = readFileSync(join(root, 'docs', 'benchmark.txt'), 'utf8');
    const quoted = [...page.matchAll(/^\| [^|]+ \|([\d. |]+)\|$/gm)].flatMap(
      ([, cells = '']) => cells.match(/[\d.]+/g) ?? [],
    );
    quoted.push(...[...page.matchAll(/([\d.]+) times/g)].map(([, figure = '']) => figure));
    expect(quoted).to.have.length.above(10);
    expect(quoted.filter((figure) => !published.includes(` ${figure} ±`))).to.deep.equal([]);
  });
});
