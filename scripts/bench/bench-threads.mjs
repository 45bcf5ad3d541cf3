// `npm run bench:threads`: what engine threads cost each other. All share one arena under one lock. With one engine thread and with
// two, counts how often the lock is taken for a unit of work, and how often a thread waits for another one. Also prints the
// processor time of all threads, which includes what the counts do not show: cache lines that move between cores. The two take
// turns; medians are printed.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runAsScript } from '../command.mjs';
import { build } from './build.mjs';
import { Contender, contenders, usual } from './contenders.mjs';
import { endLoad, startLoad } from './measure.mjs';
import { chooseCores } from './pinning.mjs';
import { processorTime } from './processor-time.mjs';
import { scenarios } from './scenarios.mjs';

const names = ['handshakes', 'resumed', 'requests', 'requests-64k'];
const threadCounts = [1, 2];
const rounds = 7;
const seconds = 2;

async function benchThreads() {
  const { loadProgram, out } = await build({ rust: false });
  const cores = chooseCores();
  const folder = await mkdtemp(join(tmpdir(), 's2n-pkey-bench-'));
  const description = contenders.find(({ name }) => name === 'local-key');
  const servers = new Map();
  try {
    for (const threads of threadCounts) {
      const variant = { ...usual, twoCores: true, threads };
      servers.set(threads, await Contender.start(description, variant, { folder, out, cores, flags: [] }));
    }
    console.log(
      `LocalKeySigner, P-256, server on cores ${cores.both}, load on ${cores.load}; medians of ${rounds} × ${seconds} s`,
    );
    for (const name of names) {
      const scenario = scenarios.find((one) => one.name === name);
      const settings = { seconds, core: cores.load, loadProgram };
      const results = new Map(threadCounts.map((threads) => [threads, []]));
      for (let round = -1; round < rounds; round++) {
        for (const threads of threadCounts) {
          const result = await run(servers.get(threads), scenario, settings);
          if (round >= 0) results.get(threads).push(result); // The first round is for the compiler.
        }
      }
      console.log(`${scenario.title}:`);
      for (const [threads, list] of results) console.log(`  ${line(threads, list, scenario.unit)}`);
    }
  } finally {
    for (const server of servers.values()) await server.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Per unit. */
async function run(server, scenario, settings) {
  const { load } = await startLoad(server, scenario, settings);
  const lockBefore = await server.ask('arena-lock', 'arena-lock');
  const before = processorTime(server.pids);
  load.cue();
  const { units } = await load.next('result', settings.seconds * 1000 + 30_000);
  const after = processorTime(server.pids);
  const lock = await server.ask('arena-lock', 'arena-lock');
  await endLoad(load);
  server.checkHealth();
  return {
    taken: (lock.taken - lockBefore.taken) / units,
    waited: (lock.waited - lockBefore.waited) / units,
    microseconds: (after.process - before.process) / 1000 / units,
  };
}

function line(threads, results, unit) {
  const of = (figure) => median(results.map((result) => result[figure]));
  const share = (100 * of('waited')) / of('taken');
  return [
    `${threads} engine thread${threads === 1 ? ' ' : 's'}:`,
    `${of('taken').toFixed(1).padStart(6)} locks a ${unit},`,
    `${(1000 * of('waited')).toFixed(1).padStart(6)} waits in 1,000 (${share.toFixed(3)} % of the locks),`,
    `${of('microseconds').toFixed(1).padStart(6)} µs CPU`,
  ].join(' ');
}

/** Of an odd number of values. */
function median(values) {
  return values.toSorted((a, b) => a - b)[(values.length - 1) / 2];
}

await runAsScript(import.meta.url, benchThreads);
