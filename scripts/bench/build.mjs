// Builds what the benchmark runs: the package, and the load generator.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { buildVariant } from '../build-folder.mjs';
import { lastLines, Refusal, run, say } from '../command.mjs';
import { setUp } from '../setup.mjs';

/** @returns {Promise<{ loadProgram: string, out: string }>} `out`: the folder that results may be written to */
export async function build() {
  const { out } = await setUp();
  say('building the load generator');
  const { ok, output } = await run('cmake', ['--build', out, '--target', 'bench_load']);
  if (!ok) throw new Refusal(`the load generator could not be built:\n${lastLines(output)}`);
  return alreadyBuilt();
}

/** As `build`, without building. */
export function alreadyBuilt() {
  const out = join(buildVariant([]).out, 'bench');
  const loadProgram = join(out, 'bench_load');
  if (!existsSync(loadProgram)) throw new Refusal('--no-build: the load generator has not been built yet.');
  return { loadProgram, out };
}
