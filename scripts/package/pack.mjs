// What `npm pack` and `npm publish` run first (prepack): builds everything, and lays out what the package has and the checkout
// has not. Afterwards (postpack, `--clean`) it is removed again.
//
//   prebuilds/KIND/s2n_pkey.node   the addon, for machines like this one
//   vendor/sources.tar.xz          the sources of s2n-tls and AWS-LC, to build from elsewhere
//   vendor/headers/                Node-API's headers, for the same
//
// With S2N_PKEY_RELEASE=1 there is no addon: a release has packages of their own for addons (platform-packages.mjs).
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inCheckout, installedPackage } from '../checkout.mjs';
import { Refusal, lastLines, run, runAsScript, say } from '../command.mjs';
import { buildTypeScript } from '../build/build-ts.mjs';
import { oneAtATime } from '../build/one-at-a-time.mjs';
import { isPackaged, packagedHeaders, sourcesArchive } from '../build/packaged-sources.mjs';
import { assertLoadsOnOlderSystems } from './portability.mjs';
import { findCommand } from '../build/requirements.mjs';
import { setUp } from '../build/setup.mjs';
import { lockedCrates, sourcesFolder } from '../build/vendored-sources.mjs';

const prebuilds = inCheckout('prebuilds');

async function pack() {
  for (const name of ['S2N_TLS_SOURCE_DIR', 'AWS_LC_SOURCE_DIR']) {
    if (process.env[name])
      throw new Refusal(`${name} is set, and a package is made of the pinned sources only: unset it.`);
  }
  removePacked();
  if (process.env.S2N_PKEY_RELEASE === '1') await buildTypeScript();
  else await packAddon();
  copyHeaders();
  await archiveSources();
}

async function packAddon() {
  const { addon } = await setUp();
  const { machineKind, thisMachine } = await import('../../dist/lib/native/machine.js');
  const { arch, libc } = thisMachine();
  await assertLoadsOnOlderSystems(addon, { cpu: arch, libc });
  mkdirSync(join(prebuilds, machineKind()), { recursive: true });
  copyFileSync(addon, join(prebuilds, machineKind(), 's2n_pkey.node'));
}

/** node-addon-api's and node-api-headers' in one folder, with their licences. */
function copyHeaders() {
  const from = { 'node-addon-api': '.', 'node-api-headers': 'include' };
  mkdirSync(packagedHeaders, { recursive: true });
  for (const [name, folder] of Object.entries(from)) {
    const source = installedPackage(name);
    for (const file of readdirSync(join(source, folder)).filter((entry) => entry.endsWith('.h'))) {
      copyFileSync(join(source, folder, file), join(packagedHeaders, file));
    }
    const [licence] = readdirSync(source).filter((entry) => /^LICENSE/.test(entry));
    copyFileSync(join(source, licence), join(packagedHeaders, `LICENSE-${name}`));
  }
}

/** The tar that is part of CMake makes it, as it will unpack it: the build needs CMake anyway. */
async function archiveSources() {
  const files = lockedCrates()
    .filter(({ name }) => isPackaged(name))
    .flatMap(({ name, version }) => {
      const crate = `${name}-${version}`;
      const entries = readdirSync(join(sourcesFolder, crate), { recursive: true, withFileTypes: true });
      return entries
        .filter((entry) => entry.isFile())
        .map((entry) => join(entry.parentPath, entry.name).slice(join(sourcesFolder, crate).length + 1))
        .filter((file) => file === '.cargo-checksum.json' || isPackaged(name, file))
        .map((file) => `${crate}/${file}`);
    })
    .sort();
  say(`packing ${files.length} source files of s2n-tls and AWS-LC into vendor/sources.tar.xz ...`);
  const list = `${sourcesArchive}.files`;
  writeFileSync(list, `${files.join('\n')}\n`);
  try {
    // One time for all files: the same sources make the same archive.
    const args = ['-E', 'tar', 'cJf', sourcesArchive, '--mtime=2000-01-01', '--format=gnutar'];
    const { ok, output } = await run(findCommand('cmake'), [...args, `--files-from=${list}`], {
      cwd: sourcesFolder,
    });
    if (!ok) throw new Refusal(`the sources could not be packed:\n${lastLines(output)}`);
  } finally {
    rmSync(list);
  }
}

/** Removes what packing laid out. */
export function removePacked() {
  const made = [prebuilds, packagedHeaders, sourcesArchive].filter((path) => existsSync(path));
  for (const path of made) rmSync(path, { recursive: true });
  return made;
}

await runAsScript(import.meta.url, async ([option]) => {
  if (option === '--clean') removePacked();
  else await oneAtATime(pack);
});
