// `npm run bench`: what TLS costs a Node server, with this package and without. See docs/benchmark.md.
import { rmSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Refusal, runAsScript, say } from '../command.mjs';
import { alreadyBuilt, build } from './build.mjs';
import { Competition } from './competition.mjs';
import { contenders } from './contenders.mjs';
import { comparisonTable, compare, contendersAt } from './earlier-revision.mjs';
import { evaluate } from './goals.mjs';
import { parseOptions, usage } from './options.mjs';
import { chooseCores } from './pinning.mjs';
import { plot } from './plot.mjs';
import { publish } from './publish.mjs';
import { report } from './report.mjs';
import { scenarios } from './scenarios.mjs';
import { stamp } from './stamp.mjs';
import { crossCheck } from './wrk.mjs';

async function bench(args) {
  const options = parseOptions(args, { scenarios, contenders });
  if (options.help || options.list) {
    console.log(options.help ? usage : listing());
    return;
  }
  const { loadProgram, out } = options.build ? await build(options) : alreadyBuilt(options);
  const earlier = options.compare === undefined ? [] : await contendersAt(options.compare);
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
  let kms;
  const startKms = async () => {
    const { BenchKms } = await import('./local-kms.mjs');
    return (kms ??= await BenchKms.start(cores.load));
  };
  const flags = options.profile ? ['--cpu-prof', `--cpu-prof-dir=${join(out, 'profiles')}`] : [];
  const competition = new Competition(
    { folder, out, cores, flags, kms: startKms },
    { ...options, loadProgram, earlier },
  );
  try {
    const measured = [];
    for (const scenario of scenarios.filter(({ name }) => options.scenarios.includes(name))) {
      const result = await competition.run(scenario);
      if (result) measured.push(result);
    }
    if (measured.length === 0)
      throw new Refusal('nothing was measured: no contender of that name has such a scenario.');
    const { awsLc } = competition;
    const results = {
      stamp: stamp({ cores, awsLc, seconds: options.seconds, rounds: options.rounds }),
      goals: evaluate(measured),
      scenarios: measured,
    };
    await tell(results, out, options);
    if (options.wrk) {
      const settings = { connections: 32, seconds: options.seconds, core: cores.load };
      for (const server of competition.servers) {
        if (server.ports.stream) say(await crossCheck(server, settings));
      }
    }
  } finally {
    await competition.close();
    await kms?.close();
    await rm(folder, { recursive: true, force: true });
  }
}

async function tell(results, out, options) {
  console.log(`\n${report(results)}\n`);
  if (options.compare !== undefined) console.log(`${comparisonTable(compare(results.scenarios))}\n`);
  await writeFile(join(out, 'results.json'), `${JSON.stringify(results, null, 2)}\n`);
  await writeFile(join(out, 'results.svg'), plot(results));
  say(`written to ${out}: results.json, results.svg`);
  if (options.publish) say(`published: ${(await publish(results)).join(', ')}`);
}

function listing() {
  const lines = scenarios.map(({ name, title, goal }) => `  ${goal ? '*' : ' '} ${name.padEnd(24)}${title}`);
  return [
    'Scenarios (* in the usual run):',
    ...lines,
    'Contenders:',
    ...contenders.map(({ name, title }) => `    ${name.padEnd(24)}${title}`),
  ].join('\n');
}

await runAsScript(import.meta.url, bench);
