// One contender under load for a while.
import { LineProcess } from './line-process.mjs';
import { pinned } from './pinning.mjs';
import { processorTime } from './processor-time.mjs';

/**
 * The server's processor time is read while the load is silent, before and after: connections of the requests are made and
 * closed outside of it.
 *
 * @returns {Promise<{ figures: object, units: number, agreement: string, awsLc: string }>} `figures`: µs of processor time a unit, units a
 *   second, latency in µs, and `loadBusy`, the share of the time in which the load had work
 * @throws Error when any handshake or request failed, on either side
 */
export async function measure(contender, scenario, { seconds, core, loadProgram }) {
  const args = [
    scenario.load,
    '--port',
    contender.port,
    '--connections',
    scenario.connections,
    '--seconds',
    seconds,
  ];
  if (contender.plain) args.push('--plain');
  const [command, ...rest] = pinned(core, [loadProgram, ...args.map(String)]);
  const load = new LineProcess(`load (${scenario.name} on ${contender.name})`, command, rest);
  const { awsLc } = await load.next('ready');
  const before = processorTime(contender.pid);
  load.cue();
  const result = await load.next('result', seconds * 1000 + 30_000);
  const after = processorTime(contender.pid);
  load.cue();
  await load.end();
  contender.checkHealth();
  if (result.units === 0) throw new Error(`${contender.name}: no ${scenario.unit} in ${seconds} s`);
  const perUnit = (clock) => (after[clock] - before[clock]) / 1000 / result.units;
  return {
    figures: {
      loopMicroseconds: perUnit('loop'),
      processMicroseconds: perUnit('process'),
      perSecond: result.units / result.seconds,
      latencyP50Microseconds: result.latencyMicroseconds.p50,
      latencyP99Microseconds: result.latencyMicroseconds.p99,
      loadBusy: 1 - result.idleSeconds / result.seconds,
    },
    units: result.units,
    agreement: result.agreement,
    awsLc,
  };
}
