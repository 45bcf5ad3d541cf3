import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { errorCodes } from '../../lib/error-codes/table.ts';
import { codesInSources } from './codes-in-sources.ts';
import { errorsPage, generatedErrorsPage } from './errors-page.ts';
import { listedCodes } from './listed-codes.ts';

const lib = fileURLToPath(new URL('../../lib', import.meta.url));

/** Codes of Node's and of warnings, as lib/ writes them. */
function otherCodes(): string[] {
  return readdirSync(lib, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .flatMap((name) => {
      const source = readFileSync(join(lib, name), 'utf8');
      // ERR_MODULE_NOT_FOUND is only compared with.
      const nodes = source.matchAll(/'(ERR_(?!S2N_PKEY|MODULE_NOT_FOUND)[A-Z]+_[A-Z_]+)'/g);
      const warnings = source.matchAll(/code: '(S2N_PKEY_[A-Z_]+)'/g);
      return [...nodes, ...warnings].map(([, code = '']) => code);
    });
}

describe('docs/api/errors.md', () => {
  it('has a row for every code in lib/ and binding/, and no row without a code', function () {
    this.timeout(60_000); // compiles lib/
    const inSources = codesInSources();
    const inTable = new Set<string>(Object.keys(errorCodes));
    expect(inSources.size).to.be.above(90);
    expect([...inSources].filter((code) => !inTable.has(code))).to.deep.equal([]);
    expect([...inTable].filter((code) => !inSources.has(code))).to.deep.equal([]);
  });

  it('names classes that exist', () => {
    const sources = readdirSync(lib, { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.ts'))
      .map((name) => readFileSync(join(lib, name), 'utf8'))
      .join('\n');
    for (const [code, [classes]] of Object.entries(errorCodes)) {
      for (const name of classes.split(', ')) expect(sources, code).to.include(`class ${name} extends`);
    }
  });

  it('is what `npm run docs` writes from the table in lib/error-codes', async () => {
    const page = readFileSync(errorsPage, 'utf8');
    expect(page).to.equal(await generatedErrorsPage());
    const listed = listedCodes();
    expect(Object.keys(errorCodes).filter((code) => !listed.has(code))).to.deep.equal([]);
  });

  it("lists the codes of Node that this package uses, and the warnings' codes", () => {
    const listed = listedCodes();
    const others = [...new Set(otherCodes())];
    expect(others).to.include.members(['ERR_TLS_INVALID_CONTEXT', 'S2N_PKEY_DESCRIPTOR_LIMIT']);
    expect(others.filter((code) => !listed.has(code))).to.deep.equal([]);
  });
});
