// What the check of the package needs from the npm registry, in a cache of the user's: package managers, and the tools that
// judge a package. All are pinned, so that a check fails for a change of ours and not of theirs.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { cache, install, nodeOf, releases } from '../../test/nodes.mjs';

const pins = {
  pnpm: '10.34.9',
  yarn: '1.22.22',
  '@yarnpkg/cli-dist': '4.18.1',
  publint: '0.3.25',
  '@arethetypeswrong/cli': '0.18.5',
};

/** Executables of Node, the running one first. */
export async function nodes() {
  return [process.execPath, ...(await Promise.all(releases.map(nodeOf)))];
}

/** The script that starts a tool: `await tool('pnpm', 'bin/pnpm.cjs')`. */
export async function tool(name, script) {
  const folder = join(cache, 'package-tools', `${name.replace('/', '-')}-${pins[name]}`);
  const file = join(folder, 'node_modules', name, script);
  if (!existsSync(file)) await install(folder, [`${name}@${pins[name]}`, '--ignore-scripts']);
  return file;
}

/** `{ name, version }` of a package.json. */
export function manifestOf(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}
