// What the check of the package needs from the npm registry, in a cache of the user's: releases of Node, package managers, and
// the tools that judge a package. All are pinned, so that a check fails for a change of ours and not of theirs.
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Refusal, lastLines, run } from '../command.mjs';

/** Releases of Node beside the one that runs this; the newest of each line. */
const releases = ['22', '24', '26'];

const pins = {
  pnpm: '10.34.9',
  yarn: '1.22.22',
  '@yarnpkg/cli-dist': '4.18.1',
  publint: '0.3.25',
  '@arethetypeswrong/cli': '0.18.5',
};

const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 's2n-pkey');

/** Executables of Node, the running one first. */
export async function nodes() {
  const fetched = await Promise.all(
    releases.map(async (release) => {
      const folder = join(cache, `node-${release}`);
      const executable = join(folder, 'node_modules', 'node', 'bin', 'node');
      if (existsSync(executable) && (await run(executable, ['--version'])).ok) return executable;
      // The package `node` puts the executable in place with an install script of its own.
      await install(folder, [`node@${release}`]);
      if (!existsSync(executable))
        throw new Refusal(`the npm package node@${release} brought no executable.`);
      return executable;
    }),
  );
  return [process.execPath, ...fetched];
}

/** The script that starts a tool: `await tool('pnpm', 'bin/pnpm.cjs')`. */
export async function tool(name, script) {
  const folder = join(cache, 'package-tools', `${name.replace('/', '-')}-${pins[name]}`);
  const file = join(folder, 'node_modules', name, script);
  if (!existsSync(file)) await install(folder, [`${name}@${pins[name]}`, '--ignore-scripts']);
  return file;
}

async function install(folder, args) {
  mkdirSync(folder, { recursive: true });
  const npmArgs = ['install', '--prefix', folder, '--no-save', '--no-audit', '--no-fund', '--prefer-offline'];
  const { ok, output, missing } = await run('npm', [...npmArgs, ...args], { cwd: folder });
  if (missing) throw new Refusal('npm is missing: it comes with Node (in Debian, with the package `npm`).');
  if (ok) return;
  const errors = [...output.matchAll(/^npm error (.+)$/gm)].map(([, text]) => text);
  throw new Refusal(
    `${args[0]} could not be had from the npm registry: ${errors.slice(0, 3).join('; ') || lastLines(output, 3)}`,
  );
}

/** `{ name, version }` of a package.json. */
export function manifestOf(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}
