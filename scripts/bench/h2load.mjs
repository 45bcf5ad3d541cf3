// HTTP/2 by nghttp2's h2load, where it is installed.
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../command.mjs';
import { findCommand } from '../build/requirements.mjs';
import { pinned } from './pinning.mjs';
import { processorTime } from './processor-time.mjs';
import { percentile } from './statistics.mjs';

const streams = 4; // at once on each connection

export function hasH2load() {
  return findCommand('h2load') !== undefined;
}

/** As the other tools of measure.mjs. The making of the connections is in its figures: 8 handshakes. It sleeps when it waits. */
export async function measureH2(contender, scenario, { seconds, core }) {
  const folder = await mkdtemp(join(tmpdir(), 's2n-pkey-h2load-'));
  try {
    const log = join(folder, 'log');
    const args = [
      `-t1`,
      `-c${scenario.connections}`,
      `-m${streams}`,
      `-D${Math.max(1, Math.round(seconds))}`,
      `--log-file=${log}`,
    ];
    if (scenario.upload) {
      await writeFile(join(folder, 'body'), Buffer.alloc(scenario.bytes, 'u'));
      args.push(`--data=${join(folder, 'body')}`);
    }
    const path = scenario.upload ? '' : scenario.bytes;
    const url = `${contender.plain ? 'http' : 'https'}://127.0.0.1:${contender.ports.h2}/${path}`;
    const [command, ...rest] = pinned(core, ['h2load', ...args, url]);
    const before = processorTime(contender.pids);
    const { ok, output } = await run(command, rest);
    contender.checkHealth();
    const after = processorTime(contender.pids);
    const { units, elapsed, agreement } = readOutput(output, ok, contender);
    const latencies = responseTimes(await readFile(log, 'utf8'));
    const perUnit = (clock) => (after[clock] - before[clock]) / 1000 / units;
    return {
      figures: {
        loopMicroseconds: perUnit('loop'),
        processMicroseconds: perUnit('process'),
        perSecond: units / elapsed,
        latencyP50Microseconds: percentile(latencies, 0.5),
        latencyP99Microseconds: percentile(latencies, 0.99),
        loadBusy: Number.NaN,
      },
      units,
      agreement: contender.plain ? 'plain' : agreement,
    };
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @throws Error when a request failed */
export function readOutput(output, ok, contender) {
  const elapsed = /finished in ([\d.]+)(m?s),/.exec(output);
  const counts =
    /requests: \d+ total, \d+ started, (\d+) done, \d+ succeeded, (\d+) failed, (\d+) errored/.exec(output);
  if (!ok || !elapsed || !counts || counts[2] !== '0' || counts[3] !== '0')
    throw new Error(`h2load on ${contender.name}: ${output}`);
  const protocol = /TLS Protocol: (\S+)/.exec(output)?.[1] ?? '';
  const cipher = /Cipher: (\S+)/.exec(output)?.[1] ?? '';
  const group = /Server Temp Key: (.+)/.exec(output)?.[1] ?? '';
  return {
    units: Number(counts[1]),
    elapsed: Number(elapsed[1]) / (elapsed[2] === 'ms' ? 1000 : 1),
    agreement: [protocol, cipher, group].join(' ').trim(),
  };
}

/** Of h2load's log: when it started, the status, and microseconds of the response, in columns. */
export function responseTimes(log) {
  return log
    .trimEnd()
    .split('\n')
    .map((line) => Number(line.split('\t')[2]))
    .filter((time) => time > 0)
    .sort((a, b) => a - b);
}
