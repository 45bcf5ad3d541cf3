// `--compare REV`: the package as it was at another commit, as contenders of their own beside those of today.
import { existsSync } from 'node:fs';
import { mkdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { inCheckout, root } from '../checkout.mjs';
import { lastLines, Refusal, run, say } from '../command.mjs';
import { contenders } from './contenders.mjs';
import { pairedRatio } from './statistics.mjs';

/** Figures of which less is better. */
const figures = [
  ['event loop', 'loopMicroseconds'],
  ['process', 'processMicroseconds'],
  ['p50', 'latencyP50Microseconds'],
  ['p99', 'latencyP99Microseconds'],
  ['memory', 'allBytes'],
];

/**
 * Builds the package at `revision` in a clone under build/, once for each commit.
 *
 * @param {string} revision anything that git resolves to a commit
 * @returns {Promise<object[]>} the contenders of that commit, as in contenders.mjs; `now` names today's
 * @throws Refusal when there is no such commit, or it cannot be built
 */
export async function contendersAt(revision) {
  const commit = (await git(['rev-parse', '--verify', '--end-of-options', `${revision}^{commit}`])).trim();
  const short = commit.slice(0, 10);
  const folder = inCheckout('build', 'compare', short);
  if (!existsSync(folder)) await buildAt(commit, folder);
  const at = (name) =>
    [join(folder, 'scripts', 'bench', name)].find(existsSync) ??
    refuse(`--compare: ${short} has no scripts/bench/${name}`);
  return contenders
    .filter(({ name }) => name === 'local-key' || name === 'kms')
    .map(({ name, title, program, key }) => {
      return {
        name: `${name}@${short}`,
        now: name,
        title: `${title}, at ${short}`,
        program: at(program),
        key,
      };
    });
}

async function buildAt(commit, folder) {
  say(`building ${commit.slice(0, 10)} to compare with, which takes minutes once`);
  const unfinished = `${folder}.unfinished`;
  await rm(unfinished, { recursive: true, force: true });
  await mkdir(dirname(folder), { recursive: true });
  await git(['clone', '--quiet', '--no-checkout', root, unfinished]);
  await git(['-C', unfinished, 'checkout', '--quiet', '--detach', commit]);
  for (const args of [
    ['ci', '--no-audit', '--no-fund', '--loglevel=error'],
    ['run', '--silent', 'build'],
  ]) {
    const { ok, output } = await run('npm', args, { cwd: unfinished });
    if (!ok) throw new Refusal(`--compare: npm ${args.join(' ')} failed at ${commit}:\n${lastLines(output)}`);
  }
  await rename(unfinished, folder);
}

async function git(args) {
  const { ok, output, missing } = await run('git', args);
  if (missing) throw new Refusal('--compare: git is not installed (package `git`).');
  if (!ok) throw new Refusal(`--compare: git ${args.join(' ')}: ${lastLines(output, 3)}`);
  return output;
}

function refuse(why) {
  throw new Refusal(why);
}

/**
 * Today's figures against the other commit's, round by round. A figure is worse beyond noise where it is so in every round.
 *
 * @param {object[]} scenarios as in results.json
 * @returns {{ scenario: string, contender: string, figure: string, ratio: { median: number, min: number, max: number }, verdict:
 *   'worse' | 'better' | 'as before' }[]}
 */
export function compare(scenarios) {
  return scenarios.flatMap(({ name: scenario, contenders: measured }) =>
    measured
      .filter(({ now }) => now !== undefined)
      .flatMap((before) => {
        const today = measured.find(({ name }) => name === before.now);
        if (!today) return [];
        return figures.flatMap(([figure, field]) => {
          const ratio = pairedRatio(today.rounds, before.rounds, field);
          if (!Number.isFinite(ratio.median)) return [];
          const verdict = ratio.min > 1 ? 'worse' : ratio.max < 1 ? 'better' : 'as before';
          return [{ scenario, contender: before.now, figure, ratio, verdict }];
        });
      }),
  );
}

/** The comparison as lines for the terminal. */
export function comparisonTable(comparison) {
  const lines = comparison.map(({ scenario, contender, figure, ratio, verdict }) => {
    const range = `${ratio.min.toFixed(2)} to ${ratio.max.toFixed(2)}`;
    return `  ${scenario.padEnd(22)}${contender.padEnd(11)}${figure.padEnd(12)}${ratio.median.toFixed(2)}  (${range})  ${verdict}`;
  });
  const worse = comparison.filter(({ verdict }) => verdict === 'worse').length;
  return [
    `Now against before, median of the rounds' ratios; ${worse} of ${comparison.length} figures are worse in every round:`,
    ...lines,
  ].join('\n');
}
