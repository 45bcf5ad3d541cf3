import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';

const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const main = fileURLToPath(new URL('../../lib/cli/main.ts', import.meta.url));

describe('s2n-pkey', () => {
  const run = (...args: string[]) => promisify(execFile)(process.execPath, ['--import', tsx, main, ...args]);

  it('--version prints the version of the package, and nothing else', async () => {
    const manifest = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
    const { version } = JSON.parse(manifest) as { version: string };
    for (const option of ['--version', '-v']) {
      expect(await run(option)).to.deep.equal({ stdout: `${version}\n`, stderr: '' });
    }
  });

  it('--help lists the commands, and names --version', async () => {
    const { stdout } = await run('--help');
    for (const command of ['demo', 'doctor', 'local-kms', 'signer', 'config', 'build', '--version']) {
      expect(stdout).to.contain(command);
    }
  });

  it('refuses a command that it does not have, by name', async () => {
    const error: unknown = await run('serve').catch((reason: unknown) => reason);
    expect(error).to.have.property('code', 2);
    expect(error).to.have.property('stderr').that.includes("there is no command 'serve'");
  });
});
