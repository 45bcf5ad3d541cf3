import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { differenceRows } from './scenario.ts';

describe('docs/differences.md', () => {
  const text = readFileSync(new URL('../../docs/differences.md', import.meta.url), 'utf8');

  for (const row of differenceRows) {
    it(`has the row that a scenario relies on: ${row}`, () => {
      expect(text).to.contain(`| \`${row}\``);
    });
  }
});
