// Installing the package into an empty folder, as a user of each package manager does, on a machine that has Node and nothing to
// build with.
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { Refusal, lastLines, run } from '../../command.mjs';
import { findCommand } from '../../build/requirements.mjs';
import { tool } from './tools.mjs';

/**
 * The package managers: their script, the arguments that add a tarball, and the files that a folder needs first.
 * `start` runs a program where Node by itself would not find packages. Yarn 1 does not know `libc` and installs what is for either.
 */
export const managers = [
  {
    name: 'npm',
    script: () => realpathSync(findCommand('npm')),
    // Strict about engines: whatever is resolved must accept the oldest Node that is supported, which runs this.
    add: (tarball, extra) => [
      ...['install', '--engine-strict', '--prefer-offline', '--no-audit', '--no-fund'],
      tarball,
      ...extra,
    ],
    addByName: (specs) => ['install', '--no-audit', '--no-fund', ...specs],
    withoutOptional: '--omit=optional',
  },
  {
    name: 'pnpm',
    script: () => tool('pnpm', 'bin/pnpm.cjs'),
    add: (tarball) => ['add', '--prefer-offline', '--reporter=append-only', tarball],
    addByName: (specs) => ['add', '--reporter=append-only', ...specs],
    withoutOptional: '--no-optional',
  },
  {
    name: 'yarn 1',
    script: () => tool('yarn', 'bin/yarn.js'),
    add: (tarball) => ['add', '--prefer-offline', '--no-progress', `file:${tarball}`],
    addByName: (specs) => ['add', '--no-progress', ...specs],
    withoutOptional: '--ignore-optional',
    ignoresLibc: true,
  },
  {
    name: 'yarn 4, node-modules',
    script: () => tool('@yarnpkg/cli-dist', 'bin/yarn.js'),
    add: (tarball) => ['add', `s2n-pkey@file:${tarball}`],
    addByName: (specs) => ['add', ...specs],
    files: { 'yarn.lock': '', '.yarnrc.yml': 'nodeLinker: node-modules\nenableTelemetry: false\n' },
  },
  {
    name: "yarn 4, Plug'n'Play",
    script: () => tool('@yarnpkg/cli-dist', 'bin/yarn.js'),
    add: (tarball) => ['add', `s2n-pkey@file:${tarball}`],
    addByName: (specs) => ['add', ...specs],
    files: { 'yarn.lock': '', '.yarnrc.yml': 'nodeLinker: pnp\nenableTelemetry: false\n' },
    start: ['node'],
  },
];

/** An environment whose PATH has Node and a shell, and no compiler, CMake or Cargo. */
export function bareEnvironment(folder, node = process.execPath) {
  const bin = mkdtempSync(join(folder, 'bin-'));
  symlinkSync(node, join(bin, 'node'));
  symlinkSync('/bin/sh', join(bin, 'sh'));
  const kept = Object.entries(process.env).filter(
    ([name]) => !/^(PATH|AWS_.*|S2N_PKEY_.*|npm_.*)$/i.test(name),
  );
  return { ...Object.fromEntries(kept), PATH: bin, CI: 'true', AWS_EC2_METADATA_DISABLED: 'true' };
}

/**
 * Makes a folder, and adds the package to it.
 *
 * @param {string[]} [extra] other packages beside it
 * @returns {Promise<{ folder: string, env: object, seconds: number, runNode: (args: string[], options?: object) => Promise<object> }>}
 */
export async function installWith(manager, tarball, { parent, extra = [], env }) {
  return await installInto({ manager, parent, env, args: manager.add(tarball, extra) });
}

/**
 * Adds packages by their names, from a registry on this machine.
 *
 * @param {string[]} specs `s2n-pkey@1.2.3`, and the manager's options
 */
export async function installFrom(registry, manager, specs, { parent, env, suffix = '' }) {
  const yarn = manager.files?.['.yarnrc.yml'];
  const settings = [
    `npmRegistryServer: '${registry}'`,
    "unsafeHttpWhitelist: ['127.0.0.1']",
    // What Yarn knows of a version has the address of the registry that it came from, whose port is another each time.
    "globalFolder: './.yarn-global'",
    // Yarn 4 waits for a day before it takes a version.
    "npmPreapprovedPackages: ['s2n-pkey', '@s2n-pkey/*']",
  ];
  const files = yarn
    ? { '.yarnrc.yml': `${yarn}${settings.join('\n')}\n` }
    : { '.npmrc': `registry=${registry}\n` };
  return await installInto({ manager, parent, env, files, suffix, args: manager.addByName(specs) });
}

async function installInto({ manager, parent, env, args, files: more = {}, suffix = '' }) {
  const folder = join(parent, manager.name.replace(/\W+/g, '-') + suffix);
  mkdirSync(folder, { recursive: true });
  const manifest = { name: 'consumer', version: '1.0.0', private: true };
  const files = { 'package.json': JSON.stringify(manifest), ...manager.files, ...more };
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const script = await manager.script();
  const started = Date.now();
  const { ok, output } = await run(process.execPath, [script, ...args], { cwd: folder, env });
  if (!ok) throw new Refusal(`${manager.name} could not install the package:\n${lastLines(output)}`);
  // What npm 11 and pnpm 10 say of packages whose scripts they did not run.
  if (/install.?scripts?|Ignored build scripts|allow-?scripts/i.test(output)) {
    throw new Refusal(`${manager.name} says that something wants to run a script:\n${lastLines(output)}`);
  }
  const prefix = manager.start ? [script, ...manager.start] : [];
  return {
    folder,
    env,
    seconds: Math.round((Date.now() - started) / 1000),
    runNode: (args, { node = process.execPath } = {}) =>
      run(node, [...prefix, ...args], { cwd: folder, env }),
  };
}

/** How many packages npm installed; refuses any that has an install script. */
export function installedTree(folder) {
  const lock = JSON.parse(readFileSync(join(folder, 'node_modules', '.package-lock.json'), 'utf8'));
  const entries = Object.entries(lock.packages);
  const scripted = entries.filter(([, { hasInstallScript }]) => hasInstallScript).map(([path]) => path);
  if (scripted.length > 0) throw new Refusal(`packages with install scripts: ${scripted.join(', ')}`);
  return entries.length;
}

/** The folder of the package in a folder where npm installed it. */
export function packageIn(folder) {
  const found = join(folder, 'node_modules', 's2n-pkey');
  if (!existsSync(join(found, 'package.json'))) throw new Refusal(`there is no package in ${dirname(found)}`);
  return found;
}
