// `npm run check:package`: packs the package and installs it as users do, in empty folders, by each package manager, on a machine
// without build tools; then uses it there. Says what it did, and fails for whatever does not work.
//
//   --from-source     builds the addon from the package's own sources too (minutes; needs the build's tools)
//   --chroot FOLDER   uses it in another root too, such as one that `debootstrap --variant=minbase bookworm FOLDER` made (as root)
import { copyFileSync, mkdtempSync, readdirSync, realpathSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { parseArgs } from 'node:util';
import { inCheckout, root } from '../checkout.mjs';
import { Refusal, lastLines, run, runAsScript, say } from '../command.mjs';
import { checkCommandLine } from './check/command-line.mjs';
import { contentFindings, filesIn } from './check/contents.mjs';
import { checkFromSource } from './check/from-source.mjs';
import { makeIdentity } from './check/identity.mjs';
import { checkInRoot } from './check/other-root.mjs';
import { checkReleased } from './check/released.mjs';
import { bareEnvironment, installWith, installedTree, managers, packageIn } from './check/install.mjs';
import { manifestOf, nodes, tool } from './check/tools.mjs';
import { checkTypes } from './check/types.mjs';
import { packInto } from './packed.mjs';

const handshake = inCheckout('scripts', 'package', 'check', 'consumer', 'handshake.cjs');

async function checkPackage(args) {
  const options = { 'from-source': { type: 'boolean' }, chroot: { type: 'string', multiple: true } };
  const { values } = parseArgs({ args, options });
  // Not in the checkout, where Node would find its node_modules.
  const folder = mkdtempSync(join(tmpdir(), 's2n-pkey-package-'));
  try {
    const tarball = await packInto(folder);
    const identity = await makeIdentity(folder);
    const env = bareEnvironment(folder);
    const installed = await checkWithNpm({ folder, tarball, identity, env });
    await checkOtherManagers({ folder, tarball, identity, env });
    const kind = await machineKind();
    const addons = new Map([[kind, join(packageIn(installed.folder), 'prebuilds', kind, 's2n_pkey.node')]]);
    await checkReleased({ folder, tarball, addons, kind, identity, env }, say);
    for (const other of values.chroot ?? []) await checkInRoot(other, installed, identity, say);
    if (values['from-source']) await checkFromSource(installed, identity, say);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function machineKind() {
  const machine = await import('../../dist/lib/native/machine.js');
  return machine.machineKind();
}

async function checkWithNpm({ folder, tarball, identity, env }) {
  const [npm] = managers;
  // TypeScript's own view of Node is the only thing that a user adds.
  const types = `@types/node@${manifestOf(root).devDependencies['@types/node']}`;
  const installed = await installWith(npm, tarball, { parent: folder, extra: [types], env });
  const packageFolder = packageIn(installed.folder);
  const count = installedTree(installed.folder) - 2; // without the types and their own dependency
  const size = bytesIn(packageFolder);
  say(
    `installed by npm in ${installed.seconds} s: ${count} packages without an install script; the tarball has ` +
      `${megabytes(statSync(tarball).size)}, installed ${megabytes(size)}, with what it depends on ` +
      `${megabytes(bytesIn(join(installed.folder, 'node_modules')))}.`,
  );
  const findings = contentFindings(packageFolder, tarball);
  if (findings.length > 0) throw new Refusal(`the package's contents:\n${findings.join('\n')}`);
  say(`contents: ${filesIn(packageFolder).length} files, each with a purpose.`);
  await judge(packageFolder, tarball);
  for (const node of await nodes()) await useIn(installed, identity, 'npm', node);
  for (const line of await checkTypes({ ...installed, files: identity })) say(`TypeScript, ${line}`);
  await checkCommandLine({ folder: installed.folder, env, npm: realpathSync(await npm.script()) });
  say("the command line and the README's lines: work from the installed package.");
  return installed;
}

/** The opinion of publint and of Are The Types Wrong. */
async function judge(packageFolder, tarball) {
  const judges = {
    publint: [await tool('publint', 'src/cli.js'), 'run', packageFolder, '--strict', '--pack', 'false'],
    // s2n-pkey/register exports nothing: it is for `node --import` alone. The schema is for editors.
    'Are The Types Wrong': [
      ...[await tool('@arethetypeswrong/cli', 'dist/index.js'), tarball, '--no-color'],
      ...['--exclude-entrypoints', 'register', 'config.schema.json'],
    ],
  };
  for (const [name, args] of Object.entries(judges)) {
    const { ok, output } = await run(process.execPath, args);
    if (!ok) throw new Refusal(`${name} found this:\n${output.trim()}`);
    say(`${name}: nothing to say`);
  }
}

async function checkOtherManagers({ folder, tarball, identity, env }) {
  for (const manager of managers.slice(1)) {
    const installed = await installWith(manager, tarball, { parent: folder, env });
    // With Plug'n'Play, what Node 20's `require` finds an ES module to import is beyond Yarn's reach.
    const isOld = process.versions.node.startsWith('20.');
    const node = manager.start && isOld ? (await nodes())[1] : process.execPath;
    await useIn(installed, identity, `${manager.name} (in ${installed.seconds} s)`, node);
  }
}

/** A handshake, by a program that lies where the package is installed. */
async function useIn({ folder, runNode }, identity, name, node) {
  copyFileSync(handshake, join(folder, basename(handshake)));
  const { ok, output } = await runNode([basename(handshake), ...identity], { node });
  if (!ok) throw new Refusal(`installed by ${name}, under ${node}, it does not work:\n${lastLines(output)}`);
  say(`installed by ${name}: ${output.trim()}`);
}

function bytesIn(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0);
}

function megabytes(bytes) {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

await runAsScript(import.meta.url, checkPackage);
