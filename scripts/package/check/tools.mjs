// What the check of the package needs from the npm registry, in a cache of the user's: package managers, and the tools that
// judge a package. All are pinned, so that a check fails for a change of ours and not of theirs.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { cache, install, nodeOf, releases } from '../../test/nodes.mjs';

const pins = {
  pnpm: '10.34.9',
  yarn: '1.22.22',
  '@yarnpkg/cli-dist': '4.18.1',
  publint: '0.3.25',
  '@arethetypeswrong/cli': '0.18.5',
  verdaccio: '6.10.4',
  '@cyclonedx/cyclonedx-npm': '6.0.1',
};

/** What is taken in place of a tool's own choice: a tag of the registry is no version, and mirrors lack it. */
const overrides = { verdaccio: { 'node-fetch': '2.7.0' } };

/** Executables of Node, the running one first. */
export async function nodes() {
  return [process.execPath, ...(await Promise.all(releases.map(nodeOf)))];
}

/** The script that starts a tool: `await tool('pnpm', 'bin/pnpm.cjs')`. */
export async function tool(name, script) {
  const folder = join(cache, 'package-tools', `${name.replace('/', '-')}-${pins[name]}`);
  const file = join(folder, 'node_modules', name, script);
  if (existsSync(file)) return file;
  mkdirSync(folder, { recursive: true });
  const manifest = { private: true, overrides: overrides[name] ?? {} };
  writeFileSync(join(folder, 'package.json'), JSON.stringify(manifest));
  await install(folder, [`${name}@${pins[name]}`, '--ignore-scripts']);
  return file;
}

/** `{ name, version }` of a package.json. */
export function manifestOf(folder) {
  return JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
}
