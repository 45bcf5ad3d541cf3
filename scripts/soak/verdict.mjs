// When a soak has failed. This is the criterion, all of it:
//
// - accounts: at every sample each scenario's connections balance on both sides (accounts.mjs), every scenario had its turn, and
//   about a third of all handshakes failed;
// - at every sample, with no connection under way: no connection in the engine but silent ones, none that JavaScript still
//   follows, no descriptor more than at the start (silent connections have one each), no other handles of the event loop,
//   no other listeners of the process's end;
// - memory: each figure's trend over the samples (Theil and Sen's slope, by connections begun, without the first quarter, in which
//   caches and heaps find their size) adds no more than its limit;
// - at the end of a run of a minute and more, when silent connections have gone, too: the locked arena holds what it held at the
//   start.
import { total } from '../harness/accounts.mjs';
import { imbalances } from './accounts.mjs';
import { underWay } from './samples.mjs';
import { scenarios } from './scenarios.mjs';
import { growth } from './trend.mjs';

const MiB = 1 << 20;
const fewestSamples = 6;
const steady = 10 * 60_000; // ms of a run, from which on its later part has nothing to do with its beginning

/** Of the server's process, after garbage collection. `least` is the limit of growth; `young` that of runs of less than ten minutes. */
const memory = [
  { name: 'heap', of: ({ heap }) => heap, least: 1 * MiB, young: 4 * MiB },
  { name: 'external', of: ({ external }) => external, least: 1 * MiB, young: 4 * MiB },
  // RSS without what V8 has reserved: that grows and shrinks with the rate of allocation, which is the machine's mood.
  { name: 'native memory', of: ({ native }) => native, least: 12 * MiB, young: 64 * MiB },
  {
    name: 'arena',
    // A connection that broke while it was open keeps its memory while it is silent.
    of: ({ engine }) => engine.arenaBytesInUse - engine.silent * 64 * 1024,
    least: 1 * MiB,
    young: 4 * MiB,
  },
];

/**
 * @param {object} run
 * @param {object} run.base the sample before the traffic
 * @param {{ sample: object, load: object, begun: number }[]} run.samples `load`: the load's accounts; `begun`: connections so far
 * @param {object} [run.last] the sample after all silence
 * @param {number} run.milliseconds how long it ran
 * @returns {{ what: string, figure: string, findings: string[] }[]} one entry a check; passed without findings
 */
export function verdict({ base, samples, last, milliseconds }) {
  return [
    balance(samples),
    mixture(samples[samples.length - 1]),
    atRest(base, samples),
    ...memory.map((figure) => flat(figure, samples, milliseconds)),
    ...(last ? [nothingLeft(base, last)] : []),
  ];
}

/** What is wrong with one sample, whatever comes before or after it. */
export function faults(base, { sample, load }) {
  return [...accountFaults(load, sample.accounts), ...remains(base, sample)];
}

function accountFaults(load, accounts) {
  return scenarios.flatMap((scenario) => imbalances(scenario, load[scenario.name], accounts[scenario.name]));
}

function remains(base, sample) {
  const findings = Object.entries(underWay(sample.engine))
    .filter(([, count]) => count > 0)
    .map(([state, count]) => `${count} connections ${state}`);
  const expectEqual = (what, now, before) => {
    if (now !== before) findings.push(`${what}: ${now}, and ${before} at the start`);
  };
  expectEqual('descriptors but for silent connections', idleDescriptors(sample), idleDescriptors(base));
  expectEqual('handles of the event loop', JSON.stringify(sample.handles), JSON.stringify(base.handles));
  expectEqual("listeners of the process's end", sample.exitListeners, base.exitListeners);
  return findings;
}

export function idleDescriptors({ descriptors, engine }) {
  return descriptors - engine.silent;
}

function balance(samples) {
  const { sample, load, begun } = samples[samples.length - 1];
  const findings = samples.flatMap((one) => accountFaults(one.load, one.sample.accounts));
  const completed = Object.values(sample.accounts).reduce((sum, { secure }) => sum + secure, 0);
  const failed = Object.values(sample.accounts).reduce((sum, { failures }) => sum + total(failures), 0);
  const ended = Object.values(load).reduce((sum, { outcomes }) => sum + total(outcomes), 0);
  return {
    what: 'every connection is accounted for',
    figure: `server: ${begun} begun = ${completed} completed + ${failed} failed; client: ${ended} ended`,
    findings: [...new Set(findings)],
  };
}

function mixture({ load, sample, begun }) {
  const failed = Object.values(sample.accounts).reduce((sum, { failures }) => sum + total(failures), 0);
  const share = failed / begun;
  const idle = scenarios.filter(({ name }) => load[name].begun < 2).map(({ name }) => name);
  return {
    what: 'all kinds of traffic had their turn',
    figure: `${(100 * share).toFixed(1)} % of handshakes failed`,
    findings: [
      ...idle.map((name) => `${name}: no connection`),
      ...(share < 0.25 || share > 0.42 ? ['expected a third'] : []),
    ],
  };
}

function atRest(base, samples) {
  return {
    what: 'at rest nothing is held',
    figure: `${samples.length} samples; ${idleDescriptors(base)} descriptors in each`,
    findings: [...new Set(samples.flatMap(({ sample }) => remains(base, sample)))],
  };
}

function flat({ name, of, least, young }, samples, milliseconds) {
  const judged = samples.slice(Math.floor(samples.length / 4));
  const limit = milliseconds >= steady ? least : young;
  const what = `${name} is flat`;
  if (judged.length < fewestSamples) {
    return { what, figure: '', findings: [`${judged.length} samples are too few to tell`] };
  }
  const xs = judged.map(({ begun }) => begun);
  const grown = growth(
    xs,
    judged.map(({ sample }) => of(sample)),
  );
  const connections = xs[xs.length - 1] - xs[0];
  const figure =
    `${(grown / 1024).toFixed(0)} KiB in ${connections} connections ` +
    `(${(grown / connections).toFixed(1)} bytes each); limit ${limit / 1024} KiB`;
  return { what, figure, findings: grown > limit ? [`it grew by ${(grown / MiB).toFixed(1)} MiB`] : [] };
}

function nothingLeft(base, last) {
  const [now, before] = [last.engine.arenaBytesInUse, base.engine.arenaBytesInUse];
  const findings = remains(base, last);
  if (last.engine.silent > 0) findings.push(`${last.engine.silent} connections still silent`);
  if (now > before) findings.push(`${now} bytes in the arena, and ${before} at the start`);
  return {
    what: 'in the end nothing is left',
    figure: `${now} bytes in the arena (${before} at the start)`,
    findings,
  };
}
