// `npm run soak`: hours of mixed traffic, a third of whose handshakes fail, and then a verdict on whether anything was left over.
// The criterion is in verdict.mjs.
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { runAsScript, say } from '../command.mjs';
import { runEndurance } from '../harness/endurance-run.mjs';
import { LineProcess } from '../harness/line-process.mjs';

const longestPause = 60_000; // between samples
const samplesWanted = 16;
const fewestSamples = 8; // however long they take

const soak = {
  name: 'soak',
  usage: `  --minutes N      how long traffic runs (60); parts of a minute may be asked for
  --connections N  how many the load keeps busy at once (24)`,
  numbers: {
    minutes: { initial: 60, lowest: 0.05, highest: 7 * 24 * 60 },
    connections: { initial: 24, lowest: 1, highest: 1000, whole: true },
  },
  faults: ['descriptors', 'memory', 'accounting'],
  run,
};

async function run(options, { folder, stopped }) {
  // Not before now: these import npm packages and dist/, which the build may just have made.
  const { identities } = await import('../bench/identity.mjs');
  const { Load } = await import('./load.mjs');
  const { Sampler } = await import('./samples.mjs');
  const { faults, verdict } = await import('./verdict.mjs');
  const { finalAccounts, heading, row } = await import('./report.mjs');

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
    return { summary: finalAccounts(samples[samples.length - 1]), checks };
  } finally {
    await server.end();
  }
}

await runAsScript(import.meta.url, (args) => runEndurance(args, soak));
