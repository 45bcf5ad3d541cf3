// Bun and Deno, by the npm packages that hold nothing but their executables: in a cache of the user's, where the tests look for them.
import { chmodSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { Refusal, runAsScript, say } from '../command.mjs';
import { cache, install } from './nodes.mjs';

const x64 = process.arch === 'x64';

/** Pinned, so that a test fails for a change of ours and not of theirs. */
const runtimes = {
  bun: { name: `@oven/bun-linux-${x64 ? 'x64' : 'aarch64'}`, version: '1.4.5', file: 'bin/bun' },
  deno: { name: `@deno/linux-${process.arch}-glibc`, version: '2.9.6', file: 'deno' },
};

async function installRuntimes() {
  for (const [command, { name, version, file }] of Object.entries(runtimes)) {
    const folder = join(cache, 'other-runtimes', command);
    const executable = join(folder, 'node_modules', name, file);
    if (!existsSync(executable)) await install(folder, [`${name}@${version}`, '--ignore-scripts']);
    if (!existsSync(executable))
      throw new Refusal(`the npm package ${name}@${version} brought no executable.`);
    chmodSync(executable, 0o755); // which a package's own install script would do
    say(`${command} ${version}: ${executable}`);
  }
}

await runAsScript(import.meta.url, installRuntimes);
