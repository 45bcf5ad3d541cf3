// `npm run chaos`: a server under load whose KMS has one bad day after the other, and then a verdict on whether every handshake is
// accounted for and nothing is left over. The bad days are in chaos/weather.mjs, the criterion in chaos/verdict.mjs. The exit code
// is 1 on any breach.
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { inCheckout } from '../checkout.mjs';
import { Refusal, runAsScript, say } from '../command.mjs';
import { setUp } from '../build/setup.mjs';

const usage = `npm run chaos -- [options]
  --seconds N   how long the bad weather lasts, all kinds of it (60)
  --rate N      handshakes begun a second (60)
  --no-build    run what is built already
  --fault NAMES break something on purpose, to see it found: descriptors, accounting, codes
  --help`;

const faults = ['descriptors', 'accounting', 'codes'];

async function chaos(args) {
  const options = parseOptions(args);
  if (options.help) {
    console.log(usage);
    return;
  }
  if (options.build) await setUp();
  else if (!existsSync(inCheckout('dist', 'lib', 'index.js')))
    throw new Refusal('--no-build: dist/ is not built.');
  const folder = await mkdtemp(join(tmpdir(), 's2n-pkey-chaos-'));
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => stopped.abort());
  try {
    // Not before now: these import dist/, which the build may just have made.
    const { runChaos } = await import('./run.mjs');
    const { verdict, verdictText } = await import('./verdict.mjs');
    const result = await runChaos({ ...options, folder, stopped: stopped.signal, say });
    const checks = verdict(result);
    console.log(`\n${verdictText(result, checks)}`);
    if (checks.some(({ findings }) => findings.length > 0)) process.exitCode = 1;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function parseOptions(args) {
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: {
        seconds: { type: 'string', default: '60' },
        rate: { type: 'string', default: '60' },
        'no-build': { type: 'boolean', default: false },
        fault: { type: 'string', default: '' },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (error) {
    throw new Refusal(`${error.message}\n${usage}`);
  }
  const chosen = values.fault.split(',').filter((name) => name !== '');
  const unknown = chosen.filter((name) => !faults.includes(name));
  if (unknown.length > 0)
    throw new Refusal(`--fault: there is no ${unknown.join()}; there are ${faults.join(', ')}.`);
  return {
    help: values.help,
    build: !values['no-build'],
    seconds: numberBetween('--seconds', values.seconds, 1, 24 * 60 * 60),
    rate: numberBetween('--rate', values.rate, 1, 1000),
    faults: chosen,
  };
}

function numberBetween(option, text, lowest, highest) {
  const value = Number(text);
  if (text.trim() !== '' && value >= lowest && value <= highest) return value;
  throw new Refusal(`${option}: expected a number from ${lowest} to ${highest}, was given '${text}'.`);
}

await runAsScript(import.meta.url, chaos);
