import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { identity } from '../fixtures/identity.ts';

const { key, cert } = identity('P-256');
const program = fileURLToPath(new URL('../fixtures/module-copies-program.ts', import.meta.url));

/** What a process finds that has loaded and used the package fourteen times, two of them at once. */
async function reload(kind: string, ...flags: string[]): Promise<Record<string, unknown>> {
  const args = [...flags, '--expose-gc', '--import', 'tsx', program, kind];
  const { stdout } = await promisify(execFile)(process.execPath, args, {
    env: { ...process.env, KEY: key, CERT: cert },
  });
  return JSON.parse(stdout) as Record<string, unknown>;
}

describe('the package loaded many times in one process', function () {
  this.timeout(90_000);
  const answers = Array<string>(14).fill('hello');

  it('as jest loads it: every copy serves, and is garbage afterwards, the engine with the last one', async () => {
    expect(await reload('commonjs')).to.deep.equal({
      answers,
      warnings: [],
      copies: 12,
      collected: 12,
      listenersMore: 0,
      threads: 0,
    });
  });

  it('as modules in vm contexts (--experimental-vm-modules): every copy serves, no listeners pile up', async () => {
    // Whether such modules are collected is up to Node: 20 keeps them.
    const found = await reload('modules', '--experimental-vm-modules');
    expect(found).to.include({ listenersMore: 0 }).and.to.deep.include({ answers, warnings: [] });
  });
});
