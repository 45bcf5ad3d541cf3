import cluster, { type Worker } from 'node:cluster';
import { Given, InvalidOptionError } from '../errors.ts';
import { milliseconds } from '../options/kinds.ts';
import { readOptionsObject, type Schema } from '../options/option.ts';
import { metricsCommand, type MetricsReport, type MetricsRequest } from './cluster-worker.ts';
import { contentType, valueLines } from './exposition.ts';
import { clusterWorkers } from './metrics.ts';
import { MergedSnapshots, type MetricsSnapshot } from './snapshot.ts';

export interface ClusterMetricsOptions {
  /** Milliseconds to wait for workers. For a late one, its last report counts. Default: 1,000. */
  readonly timeout?: number;
}

export const clusterMetricsSchema = { timeout: milliseconds({ least: 1, fallback: 1000 }) } satisfies Schema;

/** Milliseconds between reports of a worker. If a worker is killed, counts since its last report are lost. */
const REPORT_INTERVAL = 1000;

/** The metrics of all workers of a cluster, in its primary. */
export class ClusterMetrics {
  /** The Content-Type for `text()`: text exposition format 0.0.4. */
  readonly contentType = contentType;
  readonly #timeout: number;
  readonly #workers = new Map<Worker, MetricsSnapshot | undefined>();
  readonly #waiting = new Map<Worker, Map<number, () => void>>();
  /** Counters and histograms of workers that have ended. */
  readonly #ended = new MergedSnapshots();
  readonly #onFork = (worker: Worker): void => this.#watch(worker);
  #asked = 0;
  #warned = false;

  /** @internal Only `clusterMetrics` creates it. */
  constructor(timeout: number) {
    this.#timeout = timeout;
    for (const worker of Object.values(cluster.workers ?? {})) if (worker) this.#watch(worker);
    cluster.on('fork', this.#onFork);
  }

  /** The metrics of all workers: counters, gauges and histograms summed. Those that have ended keep their counts. */
  async text(): Promise<string> {
    const workers = [...this.#workers.keys()];
    const answers = await Promise.all(workers.map((worker) => this.#ask(worker)));
    const all = new MergedSnapshots();
    all.add(this.#ended.snapshot());
    for (const snapshot of this.#workers.values()) if (snapshot) this.#merge(all, snapshot);
    const answered = answers.filter(Boolean).length;
    const states = [
      { labels: ['answered'], value: answered },
      { labels: ['late'], value: workers.length - answered },
    ];
    return all.text() + valueLines(clusterWorkers, states);
  }

  /** Stops watching workers. */
  close(): void {
    cluster.off('fork', this.#onFork);
    this.#workers.clear();
  }

  /** Supports `using`; the same as `close`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #watch(worker: Worker): void {
    this.#workers.set(worker, undefined);
    this.#waiting.set(worker, new Map());
    const channel: NodeJS.EventEmitter = worker.process;
    channel.on('internalMessage', (message: unknown) => this.#hear(worker, message));
    const end = (): void => this.#end(worker);
    // Its last report may still arrive.
    worker.once('exit', () => (worker.isConnected() ? worker.once('disconnect', end) : end()));
    tell(worker, { cmd: metricsCommand, every: REPORT_INTERVAL });
  }

  #hear(worker: Worker, message: unknown): void {
    const { cmd, answers, snapshot } = Object(message) as Partial<MetricsReport>;
    if (cmd !== metricsCommand || !this.#workers.has(worker)) return;
    if (snapshot) this.#workers.set(worker, snapshot);
    else tell(worker, { cmd: metricsCommand, every: REPORT_INTERVAL });
    if (answers !== undefined) this.#waiting.get(worker)?.get(answers)?.();
  }

  #end(worker: Worker): void {
    const snapshot = this.#workers.get(worker);
    if (!this.#workers.delete(worker)) return;
    if (snapshot) this.#merge(this.#ended, snapshot, 'counters');
    for (const done of this.#waiting.get(worker)?.values() ?? []) done();
    this.#waiting.delete(worker);
  }

  /** Resolves to false if the worker did not answer in time. */
  async #ask(worker: Worker): Promise<boolean> {
    const waiting = this.#waiting.get(worker);
    if (!waiting || !worker.isConnected()) return false;
    const ask = ++this.#asked;
    let timer: NodeJS.Timeout | undefined;
    const answered = await new Promise<boolean>((resolve) => {
      timer = setTimeout(() => resolve(false), this.#timeout);
      waiting.set(ask, () => resolve(true));
      tell(worker, { cmd: metricsCommand, ask });
    });
    clearTimeout(timer);
    waiting.delete(ask);
    return answered;
  }

  #merge(into: MergedSnapshots, snapshot: MetricsSnapshot, keeps?: 'counters'): void {
    if (into.add(snapshot, keeps) || this.#warned) return;
    this.#warned = true;
    process.emitWarning('workers have different `buckets`: the histograms of some are left out', {
      code: 'S2N_PKEY_CLUSTER_METRICS',
    });
  }
}

/**
 * In the primary of a cluster: adds up the metrics of its workers, each of which has called `prometheusMetrics`.
 *
 * @throws InvalidOptionError, naming the option, or in a worker.
 */
export function clusterMetrics(options: ClusterMetricsOptions = {}): ClusterMetrics {
  const { timeout } = readOptionsObject(clusterMetricsSchema, options, 'an object such as { timeout: 1000 }');
  if (!cluster.isPrimary) {
    throw new InvalidOptionError('clusterMetrics', 'to be called in the primary', new Given('a worker'));
  }
  return new ClusterMetrics(timeout);
}

function tell(worker: Worker, message: MetricsRequest): void {
  if (worker.isConnected()) worker.process.send(message, () => undefined);
}
