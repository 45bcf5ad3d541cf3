import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import * as s2nPkey from '../../lib/index.ts';

describe('docs/reference.md', () => {
  const text = readFileSync(new URL('../../docs/reference.md', import.meta.url), 'utf8');

  it('names every export of the package', () => {
    const names = Object.keys(s2nPkey);
    expect(names).to.have.length.above(20);
    expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(text))).to.deep.equal([]);
  });

  it('names every entry of the package', () => {
    const { exports, bin } = JSON.parse(
      readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
    ) as { exports: Record<string, unknown>; bin: object };
    const entries = Object.keys(exports)
      .filter((name) => name !== '.' && name !== './package.json')
      .map((name) => name.replace('.', 's2n-pkey'));
    expect(
      entries.filter((name) => !text.includes(`\`${name}\``) && !text.includes(`${name}\``)),
    ).to.deep.equal([]);
    expect(bin).to.have.keys('s2n-pkey');
  });
});
