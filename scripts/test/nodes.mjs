// Other releases of Node than the one that runs, by npm's package that holds nothing but Node: in a cache of the user's.
// `node scripts/test/nodes.mjs 24` gets one.
import { existsSync, mkdirSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { Refusal, lastLines, run, runAsScript, say } from '../command.mjs';

/** The newest of each line beside the oldest one supported, which develops and publishes. */
export const releases = ['22', '24', '26'];

export const cache = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 's2n-pkey');

/** The executable of a release, such as `await nodeOf('24')`. */
export async function nodeOf(release) {
  const folder = join(cache, `node-${release}`);
  const name = `node-linux-${process.arch}`;
  const executable = join(folder, 'node_modules', name, 'bin', 'node');
  if (existsSync(executable) && (await run(executable, ['--version'])).ok) return executable;
  await install(folder, [`${name}@${release}`, '--ignore-scripts']);
  if (!existsSync(executable)) throw new Refusal(`the npm package ${name}@${release} brought no executable.`);
  return executable;
}

/** Installs npm packages into a folder of their own. */
export async function install(folder, args) {
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

await runAsScript(import.meta.url, async () => {
  for (const release of process.argv.slice(2)) say(`Node ${release} is ${await nodeOf(release)}.`);
});
