import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { S2nPkeyError } from '../../lib/errors.ts';
import { findAddon } from '../../lib/native/find-addon.ts';
import { type Machine, machineKind, prebuiltKinds } from '../../lib/native/machine.ts';

const supported: readonly Machine[] = (['x64', 'arm64'] as const).flatMap((arch) =>
  (['glibc', 'musl'] as const).map((libc) => ({ platform: 'linux', arch, libc })),
);
const unsupported: readonly Machine[] = [
  { platform: 'linux', arch: 'riscv64', libc: 'musl' },
  { platform: 'linux', arch: 's390x', libc: 'musl' },
  { platform: 'linux', arch: 'arm', libc: 'glibc' },
  { platform: 'darwin', arch: 'arm64', libc: 'glibc' },
  { platform: 'darwin', arch: 'x64', libc: 'glibc' },
  { platform: 'win32', arch: 'x64', libc: 'glibc' },
  { platform: 'freebsd', arch: 'x64', libc: 'glibc' },
];

/** A project with the package in it, and beside it the packages of these kinds of machine. */
function install(
  parent: string,
  kinds: readonly string[],
  versions: { own?: string; theirs?: string } = {},
): string {
  const { own = '1.2.3', theirs = own } = versions;
  const project = mkdtempSync(join(parent, 'project-'));
  const root = join(project, 'node_modules', 's2n-pkey');
  mkdirSync(root, { recursive: true });
  writeFileSync(join(root, 'package.json'), JSON.stringify({ name: 's2n-pkey', version: own }));
  for (const kind of kinds) {
    const folder = join(project, 'node_modules', '@s2n-pkey', kind);
    mkdirSync(folder, { recursive: true });
    writeFileSync(
      join(folder, 'package.json'),
      JSON.stringify({ name: `@s2n-pkey/${kind}`, version: theirs }),
    );
    writeFileSync(join(folder, 's2n_pkey.node'), kind);
  }
  return root;
}

function refusal(act: () => unknown): S2nPkeyError {
  try {
    act();
  } catch (error) {
    if (error instanceof S2nPkeyError) return error;
    throw error;
  }
  throw new Error('it did not throw');
}

describe('Finding the native addon', () => {
  let parent: string;
  let named: string | undefined;
  before(() => {
    parent = realpathSync(mkdtempSync(join(tmpdir(), 's2n-pkey-find-')));
    named = process.env['S2N_PKEY_ADDON'];
    delete process.env['S2N_PKEY_ADDON'];
  });
  after(() => {
    if (named !== undefined) process.env['S2N_PKEY_ADDON'] = named;
    rmSync(parent, { recursive: true });
  });

  for (const machine of supported) {
    const kind = machineKind(machine);
    it(`takes the package of ${kind} where all four are installed`, () => {
      const root = install(parent, prebuiltKinds);
      const expected = join(root, '..', '@s2n-pkey', kind, 's2n_pkey.node');
      expect(findAddon({ root, machine })).to.equal(expected);
    });

    it(`names the package of ${kind} where only the others are installed`, () => {
      const others = prebuiltKinds.filter((other) => other !== kind);
      const root = install(parent, others);
      const { code, message } = refusal(() => findAddon({ root, machine }));
      expect(code).to.equal('ERR_S2N_PKEY_ADDON_NOT_FOUND');
      expect(message)
        .to.include(`@s2n-pkey/${kind}, an optional dependency of s2n-pkey, is not installed`)
        .and.to.include('npm install --include=optional')
        .and.to.include('npx s2n-pkey build');
    });
  }

  it('takes none of the packages on any other platform or processor', () => {
    const root = install(parent, prebuiltKinds);
    for (const machine of unsupported) {
      const { code, message } = refusal(() => findAddon({ root, machine }));
      expect(code).to.equal('ERR_S2N_PKEY_ADDON_NOT_FOUND');
      const expected = machine.platform === 'linux' ? 'npx s2n-pkey build' : 'works on Linux only';
      expect(message).to.include(machineKind(machine)).and.to.include(expected);
    }
  });

  it('prefers what was built on this machine, then what a packed clone brought, to the package', () => {
    const machine: Machine = { platform: 'linux', arch: 'arm64', libc: 'musl' };
    const root = install(parent, prebuiltKinds);
    for (const place of [
      ['prebuilds', 'linux-arm64-musl'],
      ['build', 'Release'],
    ]) {
      mkdirSync(join(root, ...place), { recursive: true });
      writeFileSync(join(root, ...place, 's2n_pkey.node'), '');
      expect(findAddon({ root, machine })).to.equal(join(root, ...place, 's2n_pkey.node'));
    }
  });

  it('refuses the package of another version, naming both', () => {
    const machine: Machine = { platform: 'linux', arch: 'x64', libc: 'glibc' };
    const root = install(parent, prebuiltKinds, { own: '1.2.3', theirs: '1.3.0' });
    const { code, message } = refusal(() => findAddon({ root, machine }));
    expect(code).to.equal('ERR_S2N_PKEY_ADDON_VERSION');
    expect(message).to.include('@s2n-pkey/linux-x64-glibc is version 1.3.0, and s2n-pkey is version 1.2.3');
  });

  it('takes the package of its own version, where another version lies further up', () => {
    const machine: Machine = { platform: 'linux', arch: 'x64', libc: 'glibc' };
    const outer = install(parent, ['linux-x64-glibc'], { own: '2.0.0' });
    const other = install(parent, ['linux-x64-glibc'], { own: '1.0.0' });
    const inner = join(outer, '..', 'other', 'node_modules');
    cpSync(join(other, '..'), inner, { recursive: true });
    expect(findAddon({ root: join(inner, 's2n-pkey'), machine })).to.equal(
      join(inner, '@s2n-pkey', 'linux-x64-glibc', 's2n_pkey.node'),
    );
    expect(findAddon({ root: outer, machine })).to.equal(
      join(outer, '..', '@s2n-pkey', 'linux-x64-glibc', 's2n_pkey.node'),
    );
  });
});
