import { execFile } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';

const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const main = fileURLToPath(new URL('../../lib/cli/main.ts', import.meta.url));

// That it builds is seen by `npm run check:package -- --from-source`.
describe('s2n-pkey build', () => {
  const build = (...args: string[]) =>
    promisify(execFile)(process.execPath, ['--import', tsx, main, 'build', ...args]);

  it('leaves an addon that loads as it is, when asked to', async () => {
    const { stdout } = await build('--if-needed');
    expect(stdout).to.equal(
      `s2n-pkey: an addon already loads on linux-${process.arch}-glibc: nothing to build.\n`,
    );
  });

  it('refuses options that it does not know, by name', async () => {
    const error: unknown = await build('--fast').catch((reason: unknown) => reason);
    expect(error).to.have.property('code', 1);
    expect(error).to.have.property('stderr').that.includes("there is no option '--fast'");
  });
});
