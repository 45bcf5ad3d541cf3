// What `npm run soak` and `npm run chaos` have in common: options, set-up, a folder of their own, an early end, and a verdict.
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { setUp } from '../build/setup.mjs';
import { inCheckout } from '../checkout.mjs';
import { Refusal } from '../command.mjs';

/**
 * @typedef {object} Check one criterion of a verdict
 * @property {string} what
 * @property {string} [figure]
 * @property {string[]} findings each breach of it; none: it holds
 */

/** How many findings of one check are printed. */
const most = 8;

/**
 * Runs one endurance test from its command line. Sets the exit code to 1 if its verdict holds a breach.
 *
 * @param {string[]} args the command line
 * @param {object} test
 * @param {string} test.name such as `soak`
 * @param {string} test.usage the lines between the first and those of the common options
 * @param {Record<string, { initial: number, lowest: number, highest: number, whole?: boolean }>} test.numbers its own options
 * @param {string[]} test.faults what `--fault` can break on purpose
 * @param {(options: object, run: { folder: string, stopped: AbortSignal }) => Promise<{ summary: string, checks: Check[] }>} test.run
 *   called once everything is built; it imports what the build makes only then
 */
export async function runEndurance(args, test) {
  const options = readOptions(args, test);
  if (options.help) {
    console.log(usageOf(test));
    return;
  }
  if (options.build) await setUp();
  else if (!existsSync(inCheckout('dist', 'lib', 'index.js')))
    throw new Refusal('--no-build: dist/ is not built.');
  const folder = await mkdtemp(join(tmpdir(), `s2n-pkey-${test.name}-`));
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => stopped.abort());
  try {
    const { summary, checks } = await test.run(options, { folder, stopped: stopped.signal });
    console.log(`\n${summary}\n\n${verdictText(test.name, checks)}`);
    if (checks.some(({ findings }) => findings.length > 0)) process.exitCode = 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function usageOf({ name, usage, faults }) {
  return [
    `npm run ${name} -- [options]`,
    usage,
    '  --no-build       run what is built already',
    `  --fault NAMES    break something on purpose, to see it found: ${faults.join(', ')}`,
    '  --help',
  ].join('\n');
}

/** @throws Refusal that names the option */
function readOptions(args, test) {
  const numbers = Object.entries(test.numbers);
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: {
        ...Object.fromEntries(
          numbers.map(([name, { initial }]) => [name, { type: 'string', default: String(initial) }]),
        ),
        'no-build': { type: 'boolean', default: false },
        fault: { type: 'string', default: '' },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    throw new Refusal(`${error.message}\n${usageOf(test)}`);
  }
  const faults = values.fault.split(',').filter((name) => name !== '');
  const unknown = faults.filter((name) => !test.faults.includes(name));
  if (unknown.length > 0)
    throw new Refusal(`--fault: there is no ${unknown.join()}; there are ${test.faults.join(', ')}.`);
  return {
    help: values.help,
    build: !values['no-build'],
    faults,
    ...Object.fromEntries(numbers.map(([name, bounds]) => [name, readNumber(name, values[name], bounds)])),
  };
}

function readNumber(name, text, { lowest, highest, whole = false }) {
  const value = Number(text);
  if (text.trim() !== '' && value >= lowest && value <= highest) return whole ? Math.round(value) : value;
  throw new Refusal(`--${name}: expected a number from ${lowest} to ${highest}, was given '${text}'.`);
}

/**
 * @param {string} name of the test
 * @param {Check[]} checks
 */
function verdictText(name, checks) {
  const lines = checks.flatMap(({ what, figure, findings }) => [
    `  ${findings.length === 0 ? 'ok    ' : 'BREACH'}  ${what}${figure ? `: ${figure}` : ''}`,
    ...findings.slice(0, most).map((finding) => `            ${finding}`),
    ...(findings.length > most ? [`            and ${findings.length - most} more`] : []),
  ]);
  const breaches = checks.filter(({ findings }) => findings.length > 0).length;
  return ['Verdict', ...lines, `${name}: ${breaches === 0 ? 'passed' : `failed, ${breaches} breached`}`].join(
    '\n',
  );
}
