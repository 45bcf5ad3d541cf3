import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { prebuiltKinds } from '../../lib/native/machine.ts';

interface Release {
  readonly tarball: string;
  readonly addons: ReadonlyMap<string, string>;
  readonly folder: string;
  readonly boms?: ReadonlyMap<string, object>;
}
type PackRelease = (release: Release) => Promise<string[]>;
interface Crate {
  readonly name: string;
  readonly version: string;
  readonly checksum: string;
}
interface Row {
  readonly kind: string;
  readonly node: string;
  readonly loads: string;
  readonly serves: string;
  readonly coreTests?: string;
  readonly where: string;
}

const checkout = new URL('../../', import.meta.url);

async function script<T>(path: string): Promise<T> {
  return (await import(new URL(path, checkout).href)) as T;
}

function sha256(file: string): string {
  return createHash('sha256').update(readFileSync(file)).digest('hex');
}

function run(command: string, args: readonly string[], cwd: string): void {
  const { status, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8' });
  expect(status, stderr).to.equal(0);
}

describe('The packages of a release', () => {
  let parent: string;
  let packed: readonly string[];
  const addons = new Map<string, string>();
  const names = [...prebuiltKinds.map((kind) => `@s2n-pkey/${kind}`), 's2n-pkey'];

  /** What is packed is this package's manifest with a few files, and files that stand for the addons. */
  before(async function () {
    this.timeout(120_000);
    parent = mkdtempSync(join(tmpdir(), 's2n-pkey-release-'));
    const source = join(parent, 'package');
    mkdirSync(source);
    for (const file of ['package.json', 'LICENSE', 'NOTICE', 'README.md'])
      writeFileSync(join(source, file), readFileSync(new URL(file, checkout)));
    run('tar', ['czf', 'packed.tgz', 'package'], parent);
    for (const kind of prebuiltKinds) {
      addons.set(kind, join(parent, `${kind}.node`));
      writeFileSync(join(parent, `${kind}.node`), `the addon for ${kind}`);
    }
    packed = await pack('first');
    for (const file of packed) unpack(file);
  });
  after(() => {
    rmSync(parent, { recursive: true, force: true });
  });

  async function pack(name: string): Promise<string[]> {
    const { packRelease } = await script<{ packRelease: PackRelease }>(
      'scripts/package/platform-packages.mjs',
    );
    const folder = join(parent, name);
    mkdirSync(folder);
    const boms = new Map(names.map((of) => [of, { bomFormat: 'CycloneDX', of }]));
    return await packRelease({ tarball: join(parent, 'packed.tgz'), addons, folder, boms });
  }

  function unpack(file: string): void {
    const into = mkdtempSync(join(parent, 'unpacked-'));
    run('tar', ['xzf', file, '--strip-components=1'], into);
    unpacked.set(manifestOf(into)['name'] as string, into);
  }
  const unpacked = new Map<string, string>();

  function manifestOf(folder: string): Record<string, unknown> {
    return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, unknown>;
  }

  const folderOf = (name: string): string => unpacked.get(name) ?? '';

  it('are one for each kind of machine, which only such machines take, and the one that names them', () => {
    expect([...unpacked.keys()]).to.have.members(names);
    for (const kind of prebuiltKinds) {
      const [os, cpu, libc] = kind.split('-');
      const manifest = manifestOf(folderOf(`@s2n-pkey/${kind}`));
      expect(manifest, kind).to.deep.include({ os: [os], cpu: [cpu], libc: [libc] });
    }
    const main = manifestOf(folderOf('s2n-pkey'));
    const version = main['version'];
    expect(main['optionalDependencies']).to.deep.equal(
      Object.fromEntries(prebuiltKinds.map((kind) => [`@s2n-pkey/${kind}`, version])),
    );
    expect(main).to.not.have.any.keys('os', 'cpu', 'libc');
  });

  it('with addons have the checksums of the addon and of the sources that it was built from', async () => {
    const { lockedCrates } = await script<{ lockedCrates: () => Crate[] }>(
      'scripts/build/vendored-sources.mjs',
    );
    const crates = lockedCrates().filter(({ name }) => ['s2n-tls-sys', 'aws-lc-sys'].includes(name));
    expect(crates).to.have.lengthOf(2);
    for (const kind of prebuiltKinds) {
      const folder = folderOf(`@s2n-pkey/${kind}`);
      expect(readFileSync(join(folder, 's2n_pkey.node'), 'utf8')).to.equal(`the addon for ${kind}`);
      expect(readFileSync(join(folder, 'SOURCES.sha256'), 'utf8').trim().split('\n')).to.deep.equal([
        `${sha256(join(folder, 's2n_pkey.node'))}  s2n_pkey.node`,
        ...crates.map(({ name, version, checksum }) => `${checksum}  ${name}-${version}.crate`),
      ]);
    }
  });

  it('each have their own bill of materials, licence and notice', () => {
    for (const name of names) {
      const folder = folderOf(name);
      const bom: unknown = JSON.parse(readFileSync(join(folder, 'sbom.cdx.json'), 'utf8'));
      expect(bom).to.deep.equal({ bomFormat: 'CycloneDX', of: name });
      expect(readdirSync(folder), name).to.include.members(['LICENSE', 'NOTICE', 'README.md']);
    }
  });

  it('are the same bytes when they are packed again', async () => {
    const again = await pack('second');
    expect(again.map(sha256)).to.deep.equal(packed.map(sha256));
    expect(sha256(join(parent, 'second', 'SHA256SUMS'))).to.equal(
      sha256(join(parent, 'first', 'SHA256SUMS')),
    );
  }).timeout(120_000);
});

describe('The check of a release', () => {
  it('leaves out tests under qemu that there are, one for each reason', async () => {
    const { WITHOUT_QEMU } = await script<{ WITHOUT_QEMU: Record<string, string> }>(
      'scripts/prebuild/core-tests.mjs',
    );
    const folder = new URL('test/binding/', checkout);
    const tests = readdirSync(folder)
      .filter((file) => file.endsWith('_test.cc'))
      .flatMap((file) => [...readFileSync(new URL(file, folder), 'utf8').matchAll(/^TEST\((\w+)\)/gm)])
      .map(([, name]) => name ?? '');
    for (const part of Object.keys(WITHOUT_QEMU))
      expect(
        tests.filter((name) => name.includes(part)),
        part,
      ).to.have.lengthOf(1);
  });

  it('writes the rows that it saw, and keeps those of kinds that it left out', async () => {
    const { withRows } = await script<{ withRows: (text: string, rows: Row[]) => string }>(
      'scripts/prebuild/table.mjs',
    );
    const page = readFileSync(new URL('docs/platforms.md', checkout), 'utf8');
    const row = { loads: 'yes', serves: 'TLSv1.3', where: 'here' };
    const kinds = prebuiltKinds.map((kind) => ({ ...row, kind, node: '99.0.0', coreTests: '7 tests' }));
    const whole = rowsOf(withRows(page, kinds));
    expect(whole).to.have.members(
      prebuiltKinds.map((kind) => `${kind} | 99.0.0 | yes | TLSv1.3 | 7 tests | here`),
    );
    // One kind again, without the core's tests.
    const [first = ''] = prebuiltKinds;
    const part = rowsOf(withRows(withRows(page, kinds), [{ ...row, kind: first, node: '99.1.0' }]));
    expect(part).to.have.members([
      `${first} | 99.1.0 | yes | TLSv1.3 | 7 tests | here`,
      ...whole.filter((line) => !line.startsWith(first)),
    ]);
  });

  function rowsOf(text: string): string[] {
    return text
      .split('\n')
      .filter((line) => line.startsWith('| linux-'))
      .map((line) => line.slice(2, -2));
  }
});
