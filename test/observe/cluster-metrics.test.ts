import { expect } from 'chai';
import { InvalidOptionError } from '../../lib/index.ts';
import { clusterMetrics } from '../../lib/observe/prometheus.ts';
import { identity } from '../fixtures/identity.ts';
import { connectTls, readAll } from '../fixtures/peers.ts';
import { runProgram, type Program } from '../fixtures/program.ts';
import { readExposition } from './exposition-reader.ts';

const { key, cert } = identity('P-256');
const file = new URL('../fixtures/cluster-metrics.ts', import.meta.url);

describe('the metrics of a cluster', function () {
  this.timeout(120_000);
  let program: Program;
  let port: number;

  beforeEach(async () => {
    program = runProgram(file, [], { KEY: key, CERT: cert, NODE_CLUSTER_SCHED_POLICY: 'rr' });
    port = Number(await program.nextLine());
  });
  afterEach(() => program.stop());

  /** Makes connections, and returns the process ids of the workers that served them. */
  async function connections(count: number): Promise<Set<string>> {
    const workers = new Set<string>();
    for (let i = 0; i < count; i++) workers.add((await readAll(await connectTls(port))).toString());
    return workers;
  }

  /** The sum of all samples with this name, and with these labels. */
  async function scrape(): Promise<(name: string, labels?: Record<string, string>) => number> {
    program.sendLine('scrape');
    const read = readExposition(String(await program.nextLine()));
    return (name, labels = {}) =>
      (read.get(name) ?? read.get(name.replace(/_(bucket|sum|count)$/, '')))?.samples
        .filter((sample) => sample.name === name)
        .filter((sample) => Object.entries(labels).every(([label, text]) => sample.labels[label] === text))
        .reduce((sum, sample) => sum + sample.value, 0) ?? 0;
  }

  async function tell(line: string, answer: string): Promise<void> {
    program.sendLine(line);
    expect(await program.nextLine()).to.equal(answer);
  }

  it('are those of all workers, and keep the counts of one that was killed', async () => {
    const [first = ''] = await connections(6);
    const before = await scrape();
    expect(before('s2n_pkey_handshakes_total', { outcome: 'ok' })).to.equal(6);
    expect(before('s2n_pkey_handshake_duration_seconds_count')).to.equal(6);
    expect(before('s2n_pkey_handshake_duration_seconds_bucket', { le: '+Inf' })).to.equal(6);
    expect(before('s2n_pkey_engine_threads')).to.equal(2);
    expect(before('s2n_pkey_cluster_workers', { state: 'answered' })).to.equal(2);
    const cpu = before('s2n_pkey_engine_cpu_seconds_total');

    await tell(first, 'gone');
    const killed = await scrape();
    expect(killed('s2n_pkey_handshakes_total', { outcome: 'ok' })).to.equal(6);
    expect(killed('s2n_pkey_handshake_duration_seconds_count')).to.equal(6);
    expect(killed('s2n_pkey_engine_cpu_seconds_total')).to.be.at.least(cpu);
    expect(killed('s2n_pkey_engine_threads')).to.equal(1);
    expect(killed('s2n_pkey_cluster_workers')).to.equal(1);

    await tell('fork', 'forked');
    await connections(4);
    const replaced = await scrape();
    expect(replaced('s2n_pkey_handshakes_total', { outcome: 'ok' })).to.equal(10);
    expect(replaced('s2n_pkey_engine_threads')).to.equal(2);
  });

  it('use the last report of a worker that does not answer', async () => {
    const [first = ''] = await connections(4);
    await scrape();
    await tell(`stop ${first}`, 'stopped');
    const late = await scrape();
    expect(late('s2n_pkey_handshakes_total', { outcome: 'ok' })).to.equal(4);
    expect(late('s2n_pkey_cluster_workers', { state: 'late' })).to.equal(1);
    expect(late('s2n_pkey_cluster_workers', { state: 'answered' })).to.equal(1);
    process.kill(Number(first), 'SIGKILL');
  });

  it('refuse wrong options by name', () => {
    expect(() => clusterMetrics({ timeout: 0 })).to.throw(InvalidOptionError, /^timeout: /);
  });
});
