import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { listedCodes } from './listed-codes.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** The codes that stand whole in the sources; others are made of a family and what follows. */
function writtenCodes(): Set<string> {
  const codes = new Set<string>();
  for (const folder of ['lib', 'binding']) {
    for (const name of readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })) {
      if (!/\.(ts|cc)$/.test(name)) continue;
      const source = readFileSync(join(root, folder, name), 'utf8');
      for (const [, code = ''] of source.matchAll(/['"](ERR_S2N_PKEY_\w*[A-Z0-9])['"]/g)) codes.add(code);
    }
  }
  return codes;
}

describe('The page of errors', () => {
  it('lists every code that the package has', () => {
    const listed = listedCodes();
    const written = [...writtenCodes()];
    expect(written.length).to.be.above(40);
    expect(written.filter((code) => !listed.has(code))).to.deep.equal([]);
  });
});
