// Builds what the benchmark runs: the package, the load generator, the limit, and if asked for the server in Rust.
import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { buildVariant } from '../build/build-folder.mjs';
import { inCheckout } from '../checkout.mjs';
import { lastLines, Refusal, run, say } from '../command.mjs';
import { setUp } from '../build/setup.mjs';

/** @returns {Promise<{ loadProgram: string, out: string }>} `out`: the folder of the programs, that results may be written to */
export async function build({ rust }) {
  const { out } = await setUp();
  say('building the load generator and the limit');
  const { ok, output } = await run('cmake', ['--build', out, '--target', 'bench_load', 'bench_limit']);
  if (!ok) throw new Refusal(`the load generator could not be built:\n${lastLines(output)}`);
  if (rust) await buildRust(join(out, 'bench'));
  return alreadyBuilt({ rust });
}

async function buildRust(out) {
  say('building the server in Rust, which takes minutes the first time');
  const target = join(out, 'rust');
  const manifest = inCheckout('scripts', 'bench', 'rust', 'Cargo.toml');
  const { ok, output, missing } = await run('cargo', [
    'build',
    '--release',
    '--locked',
    '--manifest-path',
    manifest,
    '--target-dir',
    target,
  ]);
  if (missing) throw new Refusal('--rust: cargo is not installed.');
  if (!ok) throw new Refusal(`the server in Rust could not be built:\n${lastLines(output)}`);
  copyFileSync(join(target, 'release', 'bench_rust'), join(out, 'bench_rust'));
}

/** As `build`, without building. */
export function alreadyBuilt({ rust }) {
  const out = join(buildVariant([]).out, 'bench');
  for (const program of ['bench_load', 'bench_limit', ...(rust ? ['bench_rust'] : [])]) {
    if (!existsSync(join(out, program))) throw new Refusal(`--no-build: ${program} has not been built yet.`);
  }
  return { loadProgram: join(out, 'bench_load'), out };
}
