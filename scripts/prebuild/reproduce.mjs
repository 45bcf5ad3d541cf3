// Are two builds of one commit the same bytes? Builds the last commit in another folder, and compares the packages.
import { mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { inCheckout, root } from '../checkout.mjs';
import { Refusal, lastLines, run, say } from '../command.mjs';

/** Refuses to compare a working tree with the last commit when it is another. */
export async function assertCommitted() {
  const { output } = await run('git', ['status', '--porcelain'], { cwd: root });
  if (output.trim() !== '')
    throw new Refusal(
      `--twice builds the last commit again, and this is not it: commit or stash\n${lastLines(output)}`,
    );
}

/**
 * Throws a Refusal that names the packages that differ.
 *
 * @param {string} first the folder with the packages
 * @param {import('./targets.mjs').Target[]} only the kinds that were built, where it was not all of them
 */
export async function buildTwice(first, only) {
  const folder = mkdtempSync(join(tmpdir(), 's2n-pkey-twice-'));
  try {
    const clone = join(folder, 'a-folder-of-another-name');
    await succeed('git', ['clone', '--quiet', '--no-hardlinks', root, clone]);
    // Both are checked by the build.
    symlinkSync(inCheckout('node_modules'), join(clone, 'node_modules'));
    symlinkSync(inCheckout('vendor', 'sources'), join(clone, 'vendor', 'sources'));
    say('building the last commit once more, in another folder ...');
    const args = ['--pack', ...only.flatMap(({ kind }) => ['--only', kind])];
    // A cache would give what the first build compiled.
    const env = { ...process.env, CCACHE_DISABLE: '1' };
    await succeed(
      process.execPath,
      [join(clone, 'scripts', 'prebuild', 'prebuild.mjs'), ...args],
      clone,
      env,
    );
    const second = join(clone, relative(root, first));
    const [before, after] = [first, second].map(checksums);
    const differing = [...before].filter(([file, sum]) => after.get(file) !== sum).map(([file]) => file);
    if (differing.length > 0 || before.size !== after.size)
      throw new Refusal(
        `two builds of one commit differ in ${differing.join(', ') || 'the packages that they make'}.`,
      );
    say(`two builds of one commit are the same bytes: ${[...before.keys()].join(', ')}.`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function checksums(folder) {
  const lines = readFileSync(join(folder, 'SHA256SUMS'), 'utf8').trim().split('\n');
  return new Map(lines.map((line) => line.split('  ').reverse()));
}

async function succeed(command, args, cwd = root, env = process.env) {
  const { ok, output } = await run(command, args, { cwd, env });
  if (!ok) throw new Refusal(`\`${command} ${args.join(' ')}\` failed:\n${lastLines(output)}`);
}
