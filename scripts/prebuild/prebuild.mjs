// `npm run prebuild`: builds the addon for every kind of machine that a release supports, on one x64 machine with Debian, each in
// a folder of its own (build-linux-arm64-musl), checks what they export and need, and packs the release's packages into release/.
// Only what changed is built again.
//
//   --only KIND      one of them (again for others), without packing: linux-x64-glibc, linux-x64-musl, linux-arm64-glibc,
//                    linux-arm64-musl
//   --pack           packs with --only too, into release/part/, with files that do not load in place of the other addons
//   --check          runs the core's tests for each, serves TLS in each Node of its kind, and writes the table of docs/platforms.md
//   --serve          the same without the core's tests
//   --twice          builds the last commit once more in another folder, and compares the packages byte by byte (with --only, those
//                    of kinds that were built)
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseArgs } from 'node:util';
import { buildNative } from '../build/build-native.mjs';
import { oneAtATime } from '../build/one-at-a-time.mjs';
import { inCheckout, root } from '../checkout.mjs';
import { Refusal, lastLines, run, runAsScript, say } from '../command.mjs';
import { manifestOf } from '../package/check/tools.mjs';
import { packRelease } from '../package/platform-packages.mjs';
import { assertLoadsOnOlderSystems } from '../package/portability.mjs';
import { checkTargets } from './check.mjs';
import { assertCommitted, buildTwice } from './reproduce.mjs';
import { billsOfMaterials } from './sbom.mjs';
import { writeTable } from './table.mjs';
import { targets } from './targets.mjs';
import { toolchainFor } from './toolchains.mjs';

const release = inCheckout('release');

function readOptions(args) {
  const flag = { type: 'boolean', default: false };
  const only = { type: 'string', multiple: true };
  const options = { only, pack: flag, check: flag, serve: flag, twice: flag };
  let values;
  try {
    ({ values } = parseArgs({ args, options }));
  } catch (error) {
    throw new Refusal(`${error.message}. The options are --only KIND, --pack, --check, --serve and --twice.`);
  }
  const kinds = targets.map(({ kind }) => kind);
  const unknown = values.only?.find((kind) => !kinds.includes(kind));
  if (unknown !== undefined) throw new Refusal(`--only: expected ${kinds.join(', ')}; given '${unknown}'.`);
  const chosen = targets.filter(({ kind }) => values.only === undefined || values.only.includes(kind));
  return { chosen, isWhole: chosen.length === targets.length, ...values };
}

/**
 * Builds the addon for one target.
 *
 * @param {import('./targets.mjs').Target} target
 * @param {boolean} tests whether to build the core's test program as well
 */
async function build(target, tests) {
  const toolchain = await toolchainFor(target);
  const { addon, out } = await buildNative([], { packages: 'all', toolchain, tests });
  await assertLoadsOnOlderSystems(addon, target);
  say(
    `${relative(root, addon)} is up to date: it exports Node-API's entry points only, and needs no later C library.`,
  );
  return { target, addon, out };
}

/** Packs what was built; the packages of kinds that were not have a file that does not load. */
async function packAll(builds, folder) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  const tarball = await packMain(folder);
  const { version } = manifestOf(root);
  const boms = await billsOfMaterials(targets, version);
  const addons = new Map(builds.map(({ target, addon }) => [target.kind, addon]));
  for (const { kind } of targets) if (!addons.has(kind)) addons.set(kind, inCheckout('LICENSE'));
  const tarballs = await packRelease({ tarball, addons, folder, boms });
  return { version, tarballs };
}

/** In a folder of its own: what it makes is called as the released package is. */
async function packMain(folder) {
  const packed = join(folder, 'checkout');
  mkdirSync(packed);
  const env = { ...process.env, S2N_PKEY_RELEASE: '1' };
  const { ok, output } = await run('npm', ['pack', '--pack-destination', packed], { env });
  if (!ok) throw new Refusal(`npm pack failed:\n${lastLines(output)}`);
  return join(packed, readdirSync(packed)[0]);
}

await runAsScript(import.meta.url, async (args) => {
  for (const name of ['S2N_TLS_SOURCE_DIR', 'AWS_LC_SOURCE_DIR']) {
    if (process.env[name])
      throw new Refusal(`${name} is set, and a release is made of the pinned sources only: unset it.`);
  }
  const { chosen, isWhole, pack, check, serve, twice } = readOptions(args);
  if (twice) await assertCommitted();
  const builds = await oneAtATime(async () => {
    const done = [];
    for (const target of chosen) done.push(await build(target, check));
    return done;
  });
  if (isWhole || pack || check || serve || twice) {
    // Without all of them it is no release, but enough to install from.
    const folder = isWhole ? release : inCheckout('release', 'part');
    if (!isWhole) mkdirSync(release, { recursive: true });
    const { version, tarballs } = await packAll(builds, folder);
    say(`packed ${tarballs.length} packages into ${relative(root, folder)}/.`);
    if (check || serve) await checkTargets(builds, tarballs, { version, coreTests: check }, writeTable);
    if (twice) await buildTwice(folder, isWhole ? [] : chosen);
  }
});
