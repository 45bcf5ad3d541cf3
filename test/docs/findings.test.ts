import { expect } from 'chai';
import { errorCodes } from '../../lib/error-codes/table.ts';
import { quotedIn, sourceText, tableOf } from './page-tables.ts';

/** The codes that lib/doctor/ gives to findings by name, apart from those that it takes from errors. */
function codesOfFindings(severity: string): string[] {
  const calls = sourceText('doctor').matchAll(new RegExp(`\\b${severity}\\(\\s*'([A-Z_]+)'`, 'g'));
  return [...new Set([...calls].map(([, code = '']) => code))];
}

describe('the codes of findings', () => {
  const rows = [...tableOf('api/preflight.md', 'Codes'), ...tableOf('doctor.md', 'A running server')];
  const listed = (isWarning: boolean): string[] =>
    rows
      .filter(([codes = '']) => codes.startsWith('Warning') === isWarning)
      .flatMap(([codes = '']) => quotedIn(codes));

  it('are all on the pages of preflight and doctor, warnings as warnings', () => {
    const faults = codesOfFindings('fault');
    const warnings = codesOfFindings('warning');
    expect(faults).to.have.length.above(10);
    expect(warnings).to.have.length.above(3);
    expect(faults.filter((code) => !listed(false).includes(code))).to.deep.equal([]);
    expect(warnings.filter((code) => !listed(true).includes(code))).to.deep.equal([]);
  });

  it('on those pages all exist: given by name, or as the code of an error', () => {
    const known = new Set([...codesOfFindings('fault'), ...codesOfFindings('warning')]);
    for (const code of Object.keys(errorCodes)) known.add(code.replace(/^ERR_S2N_PKEY_/, ''));
    expect([...listed(false), ...listed(true)].filter((code) => !known.has(code))).to.deep.equal([]);
  });
});
