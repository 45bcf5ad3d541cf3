import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const docs = fileURLToPath(new URL('../../docs', import.meta.url));

describe('docs/architecture.md', () => {
  const page = readFileSync(join(docs, 'architecture.md'), 'utf8');
  const linksOf = (text: string): string[] =>
    [...text.matchAll(/\]\((?!https:|#)([^)#\s]+)|(?:src|srcset)="([^"]+)"/g)].map(
      ([, link, image]) => link ?? image ?? '',
    );

  it('links only to files that exist', () => {
    const links = linksOf(page);
    expect(links).to.have.length.above(30);
    expect(links.filter((link) => !existsSync(join(docs, link)))).to.deep.equal([]);
  });

  it('says of each file where it is: its link has its name', () => {
    const named = [...page.matchAll(/\[(\S+\.(?:ts|cc|h|mjs))\]\((\S+?)\)/g)];
    expect(
      named.filter(([, name = '', link = '']) => !link.endsWith(`/${name}`)).map(([link]) => link),
    ).to.deep.equal([]);
  });

  it('follows a signature through about a dozen files', () => {
    const [, route = ''] = page.split('## The route of a signature\n');
    const rows = [...(route.split('\n## ')[0] ?? '').matchAll(/^\| \[.*$/gm)];
    expect(rows).to.have.length.within(10, 15);
  });

  for (const name of ['flow', 'architecture']) {
    it(`has the picture ${name}.svg in two colour schemes with the same words`, () => {
      const [light, dark] = ['', '-dark'].map((scheme) =>
        [...readFileSync(join(docs, 'images', `${name}${scheme}.svg`), 'utf8').matchAll(/>([^<>]+)</g)].map(
          ([, text = '']) => text.trim(),
        ),
      );
      expect(light).to.deep.equal(dark);
      expect(light?.join('')).to.contain('KMS');
    });
  }
});
