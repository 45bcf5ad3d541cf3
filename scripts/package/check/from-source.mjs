// Where the package has no addon for the machine: it says so, and `npx s2n-pkey build` makes one of its own sources.
import { existsSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { Refusal, lastLines, run } from '../../command.mjs';
import { findCommand } from '../../build/requirements.mjs';
import { packageIn } from './install.mjs';

export async function checkFromSource({ folder, env, runNode }, identity, say) {
  const installed = packageIn(folder);
  rmSync(join(installed, 'prebuilds'), { recursive: true });
  const before = await runNode(['handshake.cjs', ...identity]);
  if (before.ok || !before.output.includes('npx s2n-pkey build')) {
    throw new Refusal(`without an addon, the package does not say what to do:\n${lastLines(before.output)}`);
  }
  const command = join(folder, 'node_modules', '.bin', 's2n-pkey');
  const refused = await run(command, ['build'], { cwd: folder, env });
  if (refused.ok || !/needs CMake .*C compiler.*apt-get install cmake/.test(refused.output)) {
    throw new Refusal(`without tools, the build does not name them:\n${lastLines(refused.output)}`);
  }
  say(`without tools: ${refused.output.trim().replace(/^s2n-pkey: /, '')}`);
  // The tools of this machine, but no Cargo, and nothing that the checkout knows.
  const tools = Object.fromEntries(
    ['cc', 'c++', 'cmake', 'ninja', 'nm'].map((name) => [name, findCommand(name)]),
  );
  const directories = ['/usr/bin', '/bin', env.PATH].join(':');
  say(`building from the package's own sources, with ${Object.values(tools).filter(Boolean).join(', ')} ...`);
  const { ok } = await run(command, ['build'], {
    cwd: folder,
    env: { ...env, PATH: `${env.PATH}:${directories}` },
    show: true,
  });
  if (!ok) throw new Refusal('the package could not be built from its own sources: see above.');
  const left = readdirSync(join(installed, 'build'));
  if (left.join() !== 'Release' || existsSync(join(installed, 'vendor', 'sources'))) {
    throw new Refusal(`the build left things behind: build/ has ${left.join(', ')}`);
  }
  const after = await runNode(['handshake.cjs', ...identity]);
  if (!after.ok) throw new Refusal(`what was built does not work:\n${lastLines(after.output)}`);
  say(`built from the package's own sources: ${after.output.trim()}`);
}
