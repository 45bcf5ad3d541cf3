import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { listedCodes } from '../docs/listed-codes.ts';

const script = fileURLToPath(new URL('../../scripts/chaos/chaos.mjs', import.meta.url));

/** `npm run chaos`, as `npm test` has built the package. */
function chaos(...args: string[]): Promise<{ code: unknown; output: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [script, '--no-build', ...args], (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, output: stdout + stderr });
    });
  });
}

describe('chaos', function () {
  this.timeout(180_000);

  it('leaves every handshake accounted for and nothing behind, in its short version', async () => {
    const { code, output } = await chaos('--seconds', '5', '--rate', '40');
    expect(code, output).to.equal(0);
    expect(output).to.include('chaos: passed');
  });

  it('is not passed when a descriptor or a connection is lost, or an error has no code of ours', async () => {
    const { code, output } = await chaos('--seconds', '2', '--fault', 'descriptors,accounting,codes');
    expect(code, output).to.equal(1);
    expect(output)
      .to.match(/BREACH {2}every handshake is accounted for.*\n(?: {12}.*\n)*? {12}.*of their sockets closed/)
      .and.match(/BREACH {2}every failure has its code.*\n.*SOMETHING/)
      .and.match(/BREACH {2}nothing is left over.*\n.*descriptors before/)
      .and.include('chaos: failed');
  });

  it('allows no code that the page of errors does not list', () => {
    const verdict = readFileSync(new URL('../../scripts/chaos/verdict.mjs', import.meta.url), 'utf8');
    const listed = listedCodes();
    const names = /serverCodes = \[([^\]]+)\]/.exec(verdict)?.[1] ?? '';
    const allowed = [...names.matchAll(/'(\w+)'/g)].map(([, name = '']) => name);
    expect(allowed.length).to.be.greaterThan(8);
    expect(allowed.filter((code) => !listed.has(code))).to.deep.equal([]);
  });
});
