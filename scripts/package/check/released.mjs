// The packages of a release, as users install them from a registry: by each package manager, which has to take the package with
// the addon for this machine and none of the others.
import { copyFileSync, existsSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { inCheckout } from '../../checkout.mjs';
import { Refusal, lastLines } from '../../command.mjs';
import { targets } from '../../prebuild/targets.mjs';
import { packRelease } from '../platform-packages.mjs';
import { installFrom, managers } from './install.mjs';
import { startRegistry } from './registry.mjs';
import { nodes } from './tools.mjs';

const consumer = (name) => inCheckout('scripts', 'package', 'check', 'consumer', name);
const versions = ['0.0.1-first', '0.0.1-second'];

/**
 * @param {object} options
 * @param {string} options.folder where everything is made
 * @param {string} options.tarball what `npm pack` made
 * @param {Map<string, string>} options.addons those that were built: the others are files that do not load
 * @param {string} options.kind this machine's
 */
export async function checkReleased({ folder: parent, tarball, addons, kind, identity, env }, say) {
  const folder = join(parent, 'released');
  const registry = await startRegistry(join(folder, 'registry'));
  try {
    const placeholder = join(folder, 'placeholder.node');
    writeFileSync(placeholder, 'not an addon');
    const all = new Map(targets.map((target) => [target.kind, addons.get(target.kind) ?? placeholder]));
    for (const version of versions) {
      const packed = join(folder, version);
      mkdirSync(packed);
      const tarballs = await packRelease({ tarball, addons: all, folder: packed, version });
      for (const file of tarballs) await registry.publish(file);
    }
    const check = { parent: folder, env, registry: registry.url, kind, identity, say };
    for (const manager of managers) await checkInstalled(manager, check);
    for (const manager of managers.filter(({ withoutOptional }) => withoutOptional))
      await checkWithoutOptional(manager, check);
    await checkTwoVersions(check);
  } finally {
    await registry.stop();
  }
}

async function checkInstalled(manager, { parent, env, registry, kind, identity, say }) {
  const installed = await installFrom(registry, manager, [`s2n-pkey@${versions[0]}`], { parent, env });
  const found = platformPackages(installed.folder);
  const expected = manager.ignoresLibc ? kind.replace(/\w+$/, '') : kind;
  // Yarn's Plug'n'Play has no folder of packages.
  if (!found.every((name) => name.startsWith(expected)) || (found.length === 0 && !manager.start)) {
    const which = found.join(', ') || 'no machine';
    throw new Refusal(`on ${kind}, ${manager.name} installed the addons of ${which}.`);
  }
  copyFileSync(consumer('handshake.cjs'), join(installed.folder, 'handshake.cjs'));
  // With Plug'n'Play, what Node 20's `require` finds an ES module to import is beyond Yarn's reach.
  const isOld = process.versions.node.startsWith('20.');
  const node = manager.start && isOld ? (await nodes())[1] : process.execPath;
  const { ok, output } = await installed.runNode(['handshake.cjs', ...identity], { node });
  if (!ok) throw new Refusal(`installed from a registry by ${manager.name}, it fails:\n${lastLines(output)}`);
  const addons = found.length > 0 ? `, of the addons ${found.join(' and ')}` : '';
  say(`from a registry, by ${manager.name} (in ${installed.seconds} s)${addons}: ${output.trim()}`);
}

/** Without optional dependencies it installs, and says what to do. */
async function checkWithoutOptional(manager, { parent, env, registry, kind, identity, say }) {
  const specs = [`s2n-pkey@${versions[0]}`, manager.withoutOptional];
  const installed = await installFrom(registry, manager, specs, { parent, env, suffix: '-without' });
  copyFileSync(consumer('handshake.cjs'), join(installed.folder, 'handshake.cjs'));
  const { ok, output } = await installed.runNode(['handshake.cjs', ...identity]);
  const expected = `the package @s2n-pkey/${kind}, an optional dependency of s2n-pkey, is not installed`;
  if (ok || !output.includes(expected) || !output.includes('npm install --include=optional'))
    throw new Refusal(
      `with ${manager.name} ${manager.withoutOptional}, it does not say what to do:\n${lastLines(output)}`,
    );
  say(
    `${manager.name} ${manager.withoutOptional}: ERR_S2N_PKEY_ADDON_NOT_FOUND, which says what to install.`,
  );
}

/** Two versions, each with the addon of its own, in one process. */
async function checkTwoVersions({ parent, env, registry, identity, say }) {
  const [npm] = managers;
  const specs = versions.map((version, at) => `copy-${at}@npm:s2n-pkey@${version}`);
  const installed = await installFrom(registry, npm, specs, { parent, env, suffix: '-two' });
  copyFileSync(consumer('two-copies.mjs'), join(installed.folder, 'two-copies.mjs'));
  const { ok, output } = await installed.runNode(['two-copies.mjs', ...identity]);
  if (!ok) throw new Refusal(`two versions in one process do not work:\n${lastLines(output)}`);
  say(`two versions in one process: ${output.trim()}`);
}

/** The kinds whose packages were installed, wherever a package manager put them. */
function platformPackages(folder) {
  const modules = join(folder, 'node_modules');
  if (!existsSync(modules)) return [];
  const scopes = readdirSync(modules, { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isDirectory() && entry.name === '@s2n-pkey',
  );
  const kinds = scopes.flatMap((entry) => readdirSync(join(entry.parentPath, entry.name)));
  return [...new Set(kinds.map((kind) => basename(kind)))];
}
