// The packages of a release: `s2n-pkey`, which has no addon, and one package with an addon for each kind of machine, which it
// names as optional dependencies. npm, pnpm and Yarn install the one whose `os`, `cpu` and `libc` are the machine's.
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import { Refusal, lastLines, run } from '../command.mjs';
import { findCommand } from '../build/requirements.mjs';
import { lockedCrates } from '../build/vendored-sources.mjs';
import { targets } from '../prebuild/targets.mjs';

export const packageOf = (kind) => `@s2n-pkey/${kind}`;

/**
 * Lays out and packs the packages of a release.
 *
 * @param {object} options
 * @param {string} options.tarball what `npm pack` made of the checkout
 * @param {Map<string, string>} options.addons the file of each kind's addon
 * @param {string} options.folder an empty folder
 * @param {string} [options.version] instead of package.json's
 * @param {Map<string, object>} [options.boms] the bill of materials of each package, by its name
 * @returns {Promise<string[]>} the tarballs: those with addons first, as they have to be published
 */
export async function packRelease({ tarball, addons, folder, version, boms = new Map() }) {
  const main = await unpack(tarball, join(folder, 's2n-pkey'));
  const manifest = JSON.parse(readFileSync(join(main, 'package.json'), 'utf8'));
  version ??= manifest.version;
  const tarballs = [];
  for (const target of targets) {
    const platform = join(folder, target.kind);
    mkdirSync(platform);
    layOutPlatform({ platform, main, target, addon: addons.get(target.kind), manifest, version });
    writeBom(platform, boms.get(packageOf(target.kind)));
    tarballs.push(await pack(platform, folder));
  }
  layOutMain(main, manifest, version);
  writeBom(main, boms.get('s2n-pkey'));
  tarballs.push(await pack(main, folder));
  writeFileSync(
    join(folder, 'SHA256SUMS'),
    checksums(
      folder,
      tarballs.map((file) => basename(file)),
    ),
  );
  return tarballs;
}

/** The scripts of packing are for the checkout. */
function layOutMain(main, manifest, version) {
  rmSync(join(main, 'prebuilds'), { recursive: true, force: true });
  const { prepack, postpack, ...scripts } = manifest.scripts;
  if (!prepack || !postpack) throw new Refusal('package.json has no scripts prepack and postpack.');
  const optionalDependencies = Object.fromEntries(targets.map(({ kind }) => [packageOf(kind), version]));
  const files = manifest.files.filter((entry) => entry !== 'prebuilds');
  const released = {
    ...manifest,
    version,
    files: [...files, 'sbom.cdx.json'],
    scripts,
    optionalDependencies,
  };
  writeManifest(main, released);
}

function layOutPlatform({ platform, main, target, addon, manifest, version }) {
  const { kind, cpu, libc } = target;
  const { license, repository, homepage, bugs, engines } = manifest;
  writeManifest(platform, {
    ...{ name: packageOf(kind), version, description: `The native addon of s2n-pkey for ${kind}` },
    ...{ homepage, bugs, repository, license, main: './s2n_pkey.node', engines },
    ...{ os: ['linux'], cpu: [cpu], libc: [libc], preferUnplugged: true },
  });
  const text =
    `# ${packageOf(kind)}\n\nThe native addon of [s2n-pkey](${homepage}) for ${kind}. s2n-pkey installs it by itself, as an\n` +
    'optional dependency.\n\n`SOURCES.sha256` has the checksums of the addon, and of the crates whose C sources it is built\n' +
    'from, as crates.io publishes them. `sbom.cdx.json` lists what it contains.\n';
  writeFileSync(join(platform, 'README.md'), text);
  for (const name of ['LICENSE', 'NOTICE']) copyFileSync(join(main, name), join(platform, name));
  copyFileSync(addon, join(platform, 's2n_pkey.node'));
  const sources = lockedCrates()
    .filter(({ name }) => ['s2n-tls-sys', 'aws-lc-sys'].includes(name))
    .map(({ name, version: pinned, checksum }) => `${checksum}  ${name}-${pinned}.crate\n`);
  writeFileSync(join(platform, 'SOURCES.sha256'), checksums(platform, ['s2n_pkey.node']) + sources.join(''));
}

function writeManifest(folder, manifest) {
  writeFileSync(join(folder, 'package.json'), `${JSON.stringify(manifest, undefined, 2)}\n`);
}

function writeBom(folder, bom) {
  if (bom !== undefined)
    writeFileSync(join(folder, 'sbom.cdx.json'), `${JSON.stringify(bom, undefined, 2)}\n`);
}

/** As `sha256sum -c` reads them. */
function checksums(folder, files) {
  const digest = (file) =>
    createHash('sha256')
      .update(readFileSync(join(folder, file)))
      .digest('hex');
  return files.map((file) => `${digest(file)}  ${file}\n`).join('');
}

async function unpack(tarball, folder) {
  const partial = `${folder}.partial`;
  mkdirSync(partial);
  const { ok, output } = await run(findCommand('cmake'), ['-E', 'tar', 'xzf', tarball], { cwd: partial });
  if (!ok) throw new Refusal(`${tarball} could not be unpacked:\n${lastLines(output)}`);
  cpSync(join(partial, 'package'), folder, { recursive: true });
  rmSync(partial, { recursive: true });
  return folder;
}

/** npm gives all files one time and one order: the same contents make the same archive. */
async function pack(folder, destination) {
  const before = new Set(readdirSync(destination));
  const { ok, output } = await run('npm', ['pack', '--ignore-scripts', '--pack-destination', destination], {
    cwd: folder,
  });
  if (!ok) throw new Refusal(`npm pack failed in ${folder}:\n${lastLines(output)}`);
  const [made] = readdirSync(destination).filter((name) => name.endsWith('.tgz') && !before.has(name));
  if (made === undefined || !existsSync(join(destination, made)))
    throw new Refusal(`npm pack made nothing of ${folder}.`);
  return join(destination, made);
}
