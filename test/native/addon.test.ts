import { execFile } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';

// By its URL: from another working directory there may be no tsx to be found.
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;
const script = fileURLToPath(new URL('./load-addon.ts', import.meta.url));
const built = fileURLToPath(new URL('../../build/Release/s2n_pkey.node', import.meta.url));

/** What a process of its own finds when it loads the addon, with these variables in its environment. */
async function load(
  environment: Record<string, string>,
  cwd = process.cwd(),
): Promise<Record<string, unknown>> {
  const env = { ...process.env, ...environment };
  const args = ['--import', tsx, script];
  const { stdout } = await promisify(execFile)(process.execPath, args, { env, cwd });
  const outcome: unknown = JSON.parse(stdout);
  if (typeof outcome !== 'object' || outcome === null) throw new TypeError(`not an object: ${stdout}`);
  return { ...outcome };
}

describe('Loading the native addon', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 's2n-pkey-addon-'));
  });
  after(() => {
    rmSync(folder, { recursive: true });
  });

  it('finds the one that was built here, whatever the working directory', async () => {
    const { exports } = await load({ S2N_PKEY_ADDON: '' }, folder);
    expect(exports).to.include.members(['Config', 'Environment', 'LocalKey']);
  });

  it('finds it for a Node that the dynamic loader was told to start', async () => {
    const { stdout: headers } = await promisify(execFile)('readelf', ['-l', process.execPath]);
    const loader = /program interpreter: (\/[^\]]+)\]/.exec(headers)?.[1];
    if (loader === undefined) throw new Error(`no loader in ${headers}`);
    const env = { ...process.env, S2N_PKEY_ADDON: '' };
    const args = [process.execPath, '--import', tsx, script];
    const { stdout } = await promisify(execFile)(loader, args, { env });
    expect(stdout).to.include('LocalKey');
  });

  it('takes another that S2N_PKEY_ADDON names, also by a path relative to the working directory', async () => {
    const { exports } = await load({ S2N_PKEY_ADDON: relative(folder, built) }, folder);
    expect(exports).to.include.members(['Config', 'Environment', 'LocalKey']);
  });

  it('says which file is missing when S2N_PKEY_ADDON names none', async () => {
    const missing = join(folder, 'missing.node');
    const outcome = await load({ S2N_PKEY_ADDON: missing });
    expect(outcome).to.include({ name: 'S2nPkeyError', code: 'ERR_S2N_PKEY_ADDON_NOT_FOUND' });
    expect(outcome['message']).to.include(missing).and.to.include('unset it');
  });

  it('says what it needs, what to run and what went wrong when a file cannot be loaded', async () => {
    const broken = join(folder, 'broken.node');
    writeFileSync(broken, 'not a shared library');
    const outcome = await load({ S2N_PKEY_ADDON: broken });
    expect(outcome).to.include({ name: 'S2nPkeyError', code: 'ERR_S2N_PKEY_ADDON_LOAD' });
    expect(outcome['message'])
      .to.include(broken)
      .and.to.include(`${process.platform}-${process.arch}-glibc (glibc 2.`)
      .and.to.include('Linux with glibc 2.28 or later')
      .and.to.include('npm run build:native');
    expect(outcome['cause']).to.be.a('string').that.includes('broken.node');
  });

  it('takes what the package brought along for machines of this kind, where nothing was built', async () => {
    const kind = `linux-${process.arch}-glibc`;
    mkdirSync(join(folder, 'prebuilds', kind), { recursive: true });
    const prebuilt = join(folder, 'prebuilds', kind, 's2n_pkey.node');
    copyFileSync(built, prebuilt);
    const { exports } = await load({ S2N_PKEY_ADDON: '', LOAD_ADDON_FROM: folder });
    expect(exports).to.include.members(['Config', 'Environment', 'LocalKey']);
    rmSync(prebuilt);
  });

  it('says which package to install and how to build it when there is none for this kind of machine', async () => {
    // The package's own folder, without what a build leaves in it.
    mkdirSync(join(folder, 'prebuilds', 'linux-riscv64-musl'), { recursive: true });
    const { message, ...outcome } = await load({ S2N_PKEY_ADDON: '', LOAD_ADDON_FROM: folder });
    expect(outcome).to.include({ code: 'ERR_S2N_PKEY_ADDON_NOT_FOUND' });
    expect(message)
      .to.include('npx s2n-pkey build')
      .and.to.include(`@s2n-pkey/linux-${process.arch}-glibc, an optional dependency`)
      .and.to.include(folder)
      .and.to.include(`linux-${process.arch}-glibc (glibc 2.`)
      .and.to.include('linux-riscv64-musl');
  });
});
