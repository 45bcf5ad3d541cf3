// wrk, where it is installed: another program's count of the same requests, against mistakes of the load generator.
import { findCommand } from '../build/requirements.mjs';
import { Refusal, run } from '../command.mjs';
import { pinned } from './pinning.mjs';
import { processorTime } from './processor-time.mjs';

/** One line about one contender. The making of the connections is in its figures. */
export async function crossCheck(contender, { connections, seconds, core }) {
  if (!findCommand('wrk')) throw new Refusal('--wrk: wrk is not installed (`apt-get install wrk`).');
  const url = `${contender.plain ? 'http' : 'https'}://127.0.0.1:${contender.ports.web}/`;
  const duration = `${Math.max(1, Math.round(seconds))}s`;
  const [command, ...args] = pinned(core, ['wrk', '-t1', `-c${connections}`, `-d${duration}`, url]);
  const before = processorTime(contender.pids);
  const { ok, output } = await run(command, args);
  const after = processorTime(contender.pids);
  const requests = Number(/(\d+) requests in/.exec(output)?.[1]);
  if (!ok || !requests || /Socket errors|Non-2xx/.test(output))
    throw new Error(`wrk on ${contender.name}: ${output}`);
  const micros = (clock) => ((after[clock] - before[clock]) / 1000 / requests).toFixed(1);
  return `wrk, ${contender.title}: ${micros('loop')} µs event loop, ${micros('process')} µs process, ${Math.round(requests / Number.parseInt(duration))} a second`;
}
