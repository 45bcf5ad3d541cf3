import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const script = fileURLToPath(new URL('../scripts/soak/soak.mjs', import.meta.url));

/** `npm run soak`, as `npm test` has built the package. */
function soak(...args: string[]): Promise<{ code: unknown; output: string }> {
  return new Promise((resolve) => {
    execFile(process.execPath, [script, '--no-build', ...args], (error, stdout, stderr) => {
      resolve({ code: error?.code ?? 0, output: stdout + stderr });
    });
  });
}

describe('the soak', function () {
  this.timeout(180_000);

  it('passes, in its twenty-second version', async () => {
    const { code, output } = await soak('--minutes', '0.33');
    expect(code, output).to.equal(0);
    expect(output).to.include('soak: passed');
  });

  it('fails when descriptors or memory are leaked or a connection is lost', async () => {
    const { code, output } = await soak('--minutes', '0.05', '--fault', 'descriptors,memory,accounting');
    expect(code, output).to.equal(1);
    expect(output)
      .to.match(/BREACH {2}every connection is accounted for.*\n.*sockets closed/)
      .and.match(/BREACH {2}at rest nothing is held.*\n.*descriptors/)
      .and.match(/BREACH {2}external is flat.*\n.*grew by/)
      .and.include('soak: failed');
  });
});
