import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';

const mocha = createRequire(import.meta.url).resolve('mocha/bin/mocha.js');

function runWithoutChromium(environment: NodeJS.ProcessEnv): { status: number | null; stdout: string } {
  const rest = { ...process.env };
  delete rest['CI'];
  return spawnSync(process.execPath, [mocha, 'test/fixtures/needing-program.ts'], {
    env: { ...rest, S2N_PKEY_TEST_CHROMIUM: '/nonexistent/chromium', ...environment },
    encoding: 'utf8',
    timeout: 60_000,
  });
}

describe('Tests that need a tool which is missing', () => {
  it('are left out, and noted with what to install', () => {
    const folder = mkdtempSync(join(tmpdir(), 's2n-pkey-needs-'));
    try {
      const file = join(folder, 'left-out.jsonl');
      const { status, stdout } = runWithoutChromium({ S2N_PKEY_TEST_LEFT_OUT: file });
      expect(stdout).to.match(/^ +2 pending$/m);
      expect(status, stdout).to.equal(0);
      const noted: unknown = JSON.parse(readFileSync(file, 'utf8'));
      expect(noted).to.deep.equal({ tool: 'chromium', install: 'apt-get install chromium', tests: 2 });
    } finally {
      rmSync(folder, { recursive: true });
    }
  }).timeout(90_000);

  it('fail in CI', () => {
    const { status, stdout } = runWithoutChromium({ CI: 'true' });
    expect(status, stdout).to.equal(1);
    expect(stdout).to.include('this needs chromium, which is missing: `apt-get install chromium`');
  }).timeout(90_000);
});
