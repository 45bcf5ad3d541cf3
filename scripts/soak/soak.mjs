// `npm run soak`: hours of mixed traffic, a third of whose handshakes fail, and then a verdict on whether anything was left over.
// The criterion is in soak/verdict.mjs. The exit code is 1 on any breach.
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { LineProcess } from '../bench/line-process.mjs';
import { inCheckout } from '../checkout.mjs';
import { Refusal, runAsScript, say } from '../command.mjs';
import { setUp } from '../build/setup.mjs';
import { parseOptions, usage } from './options.mjs';

const longestPause = 60_000; // between samples
const samplesWanted = 16;
const fewestSamples = 8; // however long they take

async function soak(args) {
  const options = parseOptions(args);
  if (options.help) {
    console.log(usage);
    return;
  }
  if (options.build) await setUp();
  else if (!existsSync(inCheckout('dist', 'lib', 'index.js')))
    throw new Refusal('--no-build: dist/ is not built.');
  const folder = await mkdtemp(join(tmpdir(), 's2n-pkey-soak-'));
  const stopped = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => stopped.abort());
  try {
    await run(options, folder, stopped.signal);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function run(options, folder, stopped) {
  // Not before now: these import npm packages and dist/, which the build may just have made.
  const { identities } = await import('../bench/identity.mjs');
  const { Load } = await import('./load.mjs');
  const { Sampler } = await import('./samples.mjs');
  const { faults, verdict } = await import('./verdict.mjs');
  const { finalAccounts, heading, row, verdictText } = await import('./report.mjs');

  const identity = await identities.disk({ folder, name: 'soak', key: 'p256' });
  const server = new LineProcess(
    "the soak's server",
    process.execPath,
    ['--expose-gc', fileURLToPath(new URL('server.mjs', import.meta.url))],
    { ...process.env, ...identity, SOAK_FAULTS: options.faults.join() },
  );
  try {
    const { ports } = await server.next('listening');
    const load = new Load(ports);
    const sampler = new Sampler(server);
    await load.once();
    const base = await sampler.take();
    say(
      `the server is process ${server.pid}; traffic for ${options.minutes} min. Interrupted, it judges what it has seen.`,
    );
    console.log(heading());

    const start = Date.now();
    const end = start + options.minutes * 60_000;
    const interval = Math.min(longestPause, (end - start) / samplesWanted);
    const samples = [];
    let before = { begun: 0, at: start };
    while ((Date.now() < end || samples.length < fewestSamples) && !stopped.aborted) {
      load.start(options.connections);
      await pause(interval, undefined, { signal: stopped }).catch(() => {});
      await load.rest();
      const at = Date.now();
      const accounts = load.accounts();
      const begun = Object.values(accounts).reduce((sum, account) => sum + account.begun, 0);
      const entry = { sample: await sampler.take(), load: accounts, begun, elapsed: at - start };
      samples.push(entry);
      console.log(row({ ...entry, perSecond: ((begun - before.begun) * 1000) / (at - before.at) }));
      for (const fault of faults(base, entry)) console.log(`  !! ${fault}`);
      before = { begun, at };
    }
    const milliseconds = Date.now() - start;
    const last = milliseconds >= 60_000 ? await sampler.take({ silent: true }) : undefined;
    const checks = verdict({ base, samples, last, milliseconds });
    console.log(`\n${finalAccounts(samples[samples.length - 1])}\n\n${verdictText(checks)}`);
    if (checks.some(({ findings }) => findings.length > 0)) process.exitCode = 1;
  } finally {
    await server.end();
  }
}

await runAsScript(import.meta.url, soak);
