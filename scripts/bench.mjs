// `npm run bench`: what TLS costs a Node server, with this package and without. See docs/benchmark.md.
import { rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runAsScript, say } from './command.mjs';
import { alreadyBuilt, build } from './bench/build.mjs';
import { Contender, contenders } from './bench/contenders.mjs';
import { measure } from './bench/measure.mjs';
import { parseOptions, usage } from './bench/options.mjs';
import { chooseCores } from './bench/pinning.mjs';
import { report } from './bench/report.mjs';
import { scenarios } from './bench/scenarios.mjs';
import { stamp } from './bench/stamp.mjs';
import { summaries } from './bench/statistics.mjs';
import { crossCheck } from './bench/wrk.mjs';

const warmUpSeconds = 1;
const mostWarmUpTurns = 5;

async function bench(args) {
  const named = (list) => list.map(({ name }) => name);
  const options = parseOptions(args, { scenarios: named(scenarios), contenders: named(contenders) });
  if (options.help) {
    console.log(usage);
    return;
  }
  const { loadProgram, out } = options.build ? await build() : alreadyBuilt();
  const cores = chooseCores();
  if (cores.why) say(`nothing is pinned to a core: ${cores.why}. Figures will scatter.`);
  const folder = await mkdtemp(join(tmpdir(), 's2n-pkey-bench-'));
  // Told to stop: servers and load end with their standard input, the local KMS with this process.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, () => {
      rmSync(folder, { recursive: true, force: true });
      process.exit(1);
    });
  }
  const servers = [];
  let kms;
  try {
    const flags = options.profile ? ['--cpu-prof', `--cpu-prof-dir=${join(out, 'profiles')}`] : [];
    const startKms = async () => {
      const { BenchKms } = await import('./bench/local-kms.mjs');
      return (kms ??= await BenchKms.start(cores.load));
    };
    for (const contender of contenders.filter(({ name }) => options.contenders.includes(name))) {
      servers.push(await Contender.start(contender, { folder, core: cores.server, flags, kms: startKms }));
    }
    const chosen = scenarios.filter(({ name }) => options.scenarios.includes(name));
    const results = await compete(servers, chosen, { ...options, loadProgram }, cores);
    console.log(`\n${report(results)}\n`);
    const file = join(out, 'results.json');
    await writeFile(file, `${JSON.stringify(results, null, 2)}\n`);
    say(`written to ${file}`);
    if (options.wrk) {
      const settings = { connections: 32, seconds: options.seconds, core: cores.load };
      for (const server of servers) say(await crossCheck(server, settings));
    }
  } finally {
    await Promise.allSettled(servers.map((server) => server.close()));
    await kms?.close();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Node compiles what is hot, the engine's thread starts: a matter of how much was done, not of how long it took. */
async function warmUp(server, scenario, settings) {
  let done = 0;
  for (let turn = 0; turn < mostWarmUpTurns && done < scenario.warmUp; turn++) {
    const { units } = await measure(server, scenario, { ...settings, seconds: warmUpSeconds });
    done += units;
  }
}

/** All rounds of all scenarios. In each round every contender has its turn, so that the machine's moods meet them alike. */
async function compete(servers, chosen, { seconds, rounds, loadProgram }, cores) {
  const measured = chosen.map((scenario) => ({
    scenario,
    contenders: servers.map((server) => ({ server, rounds: [], agreement: '' })),
  }));
  let awsLc = '';
  const settings = { core: cores.load, loadProgram };
  say('warming up');
  for (const { scenario, contenders: entries } of measured) {
    for (const entry of entries) await warmUp(entry.server, scenario, settings);
  }
  for (let round = 1; round <= rounds; round++) {
    say(`round ${round} of ${rounds}`);
    for (const { scenario, contenders: entries } of measured) {
      for (const entry of entries) {
        const result = await measure(entry.server, scenario, { ...settings, seconds });
        ({ awsLc } = result);
        entry.agreement = result.agreement;
        entry.rounds.push(result.figures);
      }
    }
  }
  return {
    stamp: stamp({ cores, awsLc, seconds, rounds }),
    scenarios: measured.map(({ scenario, contenders: entries }) => ({
      ...scenario,
      contenders: entries.map(({ server, agreement, rounds: figures }) => ({
        name: server.name,
        title: server.title,
        agreement,
        summary: summaries(figures),
        rounds: figures,
      })),
    })),
  };
}

await runAsScript(import.meta.url, bench);
