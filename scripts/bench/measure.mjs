// One contender under load for a while: one function a tool of scenarios.mjs.
import { setTimeout as sleep } from 'node:timers/promises';
import { measureH2 } from './h2load.mjs';
import { LineProcess } from '../harness/line-process.mjs';
import { memoryOf } from './memory.mjs';
import { pinned } from './pinning.mjs';
import { processorTime } from './processor-time.mjs';
import { measureSigning } from './signing.mjs';

// Connections give their buffers back a second after their last byte.
const untilIdle = 2_500;

const tools = {
  load: measureLoad,
  storm: measureStorm,
  idle: measureIdle,
  h2load: measureH2,
  sign: measureSigning,
};

/**
 * The server's processor time is read while the load is silent, before and after: connections of the requests are made and
 * closed outside of it.
 *
 * @param {{ seconds: number, core: string | undefined, loadProgram: string }} settings
 * @returns {Promise<{ figures: Record<string, number>, units: number, agreement: string, awsLc?: string }>} `figures`: for most tools µs of
 *   processor time a unit, units a second, latency in µs, and `loadBusy`, the share of the time in which the load had work
 * @throws Error when any handshake or request failed, on either side
 */
export async function measure(contender, scenario, settings) {
  const result = await tools[scenario.tool](contender, scenario, settings);
  contender.checkHealth();
  if (result.units === 0) throw new Error(`${contender.name}: no ${scenario.unit} in ${settings.seconds} s`);
  return result;
}

async function measureLoad(contender, scenario, settings) {
  const { load, awsLc } = await startLoad(contender, scenario, settings);
  const { before, result, after } = await underLoad(contender, load, settings.seconds);
  await endLoad(load);
  return { figures: costs(before, after, result), units: result.units, agreement: result.agreement, awsLc };
}

/** The delay of the event loop is watched meanwhile, which costs its timer. */
async function measureStorm(contender, scenario, settings) {
  const { load, awsLc } = await startLoad(contender, scenario, settings);
  await contender.ask('watch-delay', 'watching');
  const { before, result, after } = await underLoad(contender, load, settings.seconds);
  const delay = await contender.ask('delay', 'delay');
  await endLoad(load);
  return {
    figures: {
      ...costs(before, after, result),
      delayP99Microseconds: delay.p99,
      delayMaxMicroseconds: delay.max,
      requestsPerSecond: result.requests / result.seconds,
    },
    units: result.units,
    agreement: result.agreement,
    awsLc,
  };
}

/** A server that has had no other connection. */
async function measureIdle(contender, scenario, settings) {
  const { load, awsLc } = await startLoad(contender, scenario, settings);
  await contender.ask('collect', 'collected');
  const before = memoryOf(contender.pids);
  load.cue();
  const result = await load.next('result', 120_000);
  await sleep(untilIdle);
  await contender.ask('collect', 'collected');
  const after = memoryOf(contender.pids);
  await endLoad(load);
  const ownBytes = (after.own - before.own) / result.units;
  const kernelBytes = (after.kernel - before.kernel) / result.units;
  return {
    figures: { ownBytes, kernelBytes, allBytes: ownBytes + kernelBytes },
    units: result.units,
    agreement: result.agreement,
    awsLc,
  };
}

/** A load that waits for its cue, with its connections open. */
export async function startLoad(contender, scenario, { seconds, core, loadProgram }) {
  const [kind, ...more] = scenario.load;
  const args = [kind, '--port', contender.ports[scenario.port], '--connections', scenario.connections];
  args.push('--seconds', seconds, ...more);
  if (contender.plain) args.push('--plain');
  const [command, ...rest] = pinned(core, [loadProgram, ...args.map(String)]);
  const load = new LineProcess(`load (${scenario.name} on ${contender.name})`, command, rest);
  const { awsLc } = await load.next('ready');
  return { load, awsLc };
}

async function underLoad(contender, load, seconds) {
  const before = processorTime(contender.pids);
  load.cue();
  const result = await load.next('result', seconds * 1000 + 30_000);
  return { before, result, after: processorTime(contender.pids) };
}

export async function endLoad(load) {
  load.cue();
  await load.end();
}

function costs(before, after, result) {
  const perUnit = (clock) => (after[clock] - before[clock]) / 1000 / result.units;
  return {
    loopMicroseconds: perUnit('loop'),
    processMicroseconds: perUnit('process'),
    perSecond: result.units / result.seconds,
    latencyP50Microseconds: result.latencyMicroseconds.p50,
    latencyP99Microseconds: result.latencyMicroseconds.p99,
    loadBusy: 1 - result.idleSeconds / result.seconds,
  };
}
