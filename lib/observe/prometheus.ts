/**
 * Metrics as Prometheus scrapes them, without a dependency.
 *
 * @module s2n-pkey/prometheus
 */
import type { Server } from 'node:net';
import { anything } from '../options/kinds.ts';
import { readOptionsObject, type SchemaOf } from '../options/option.ts';
import { reportToPrimary } from './cluster-worker.ts';
import { contentType, histogramLines, valueLines } from './exposition.ts';
import { measureChannels } from './measurements.ts';
import { defaultBuckets, eventMetrics, stateMetrics, type Metric } from './metrics.ts';
import { Distribution, Family, Value } from './series.ts';
import { snapshotOf, type MetricsSnapshot } from './snapshot.ts';
import { engineState, WatchedServers } from './state.ts';

export { clusterMetrics, type ClusterMetrics, type ClusterMetricsOptions } from './cluster-metrics.ts';

export interface PrometheusOptions {
  /** Upper bounds of the histograms' buckets in seconds, ascending. Default: 1 ms to 10 s. */
  buckets?: readonly number[];
}

export const prometheusSchema = {
  buckets: anything<readonly number[]>({
    ...{ type: 'number[]', expected: 'seconds above 0, each more than the one before it' },
    ...{ isSecret: false, fallback: defaultBuckets },
    fits: isRising,
  }),
} satisfies SchemaOf<PrometheusOptions>;

/** Counts from its creation until `close`. */
export class PrometheusMetrics {
  /** The Content-Type for `text()`: text exposition format 0.0.4. */
  readonly contentType = contentType;
  readonly #buckets: readonly number[];
  readonly #values = new Map<Metric, Family<Value>>();
  readonly #histograms = new Map<Metric, Family<Distribution>>();
  readonly #watched = new WatchedServers();
  readonly #stop: () => void;

  /** @internal Only `prometheusMetrics` creates it. */
  constructor(buckets: readonly number[]) {
    this.#buckets = buckets;
    for (const metric of Object.values(eventMetrics)) {
      if (metric.kind === 'histogram') {
        this.#histograms.set(metric, new Family((labels) => new Distribution(labels, buckets)));
      } else {
        this.#values.set(metric, new Family((labels) => new Value(labels)));
      }
      // A metric without labels has one series, which starts at 0.
      if (metric.labels.length === 0) (this.#values.get(metric) ?? this.#histograms.get(metric))?.of([]);
    }
    const stop = measureChannels({
      add: (metric, amount, labels) => {
        const series = this.#values.get(metric)?.of(labels);
        if (series) series.value += amount;
      },
      record: (metric, seconds, labels) => this.#histograms.get(metric)?.of(labels).record(seconds),
    });
    const stopReporting = reportToPrimary(() => this.#snapshot());
    this.#stop = () => {
      stop();
      stopReporting();
    };
  }

  /**
   * Reports when the certificates of `server` expire: those that it serves when `text()` is called. Returns `this`.
   *
   * @throws InvalidOptionError unless `createServer` created or `attach` secured the server.
   */
  watch(server: Server): this {
    this.#watched.add(server);
    return this;
  }

  /** Returns all metrics. It waits for the engine's threads, some tens of microseconds. */
  text(): string {
    const texts: string[] = [];
    for (const [metric, family] of this.#values) texts.push(valueLines(metric, family.all));
    for (const [metric, family] of this.#histograms) {
      texts.push(histogramLines(metric, family.all, this.#buckets));
    }
    const state = [...engineState(), ...this.#watched.expiries()];
    for (const metric of Object.values(stateMetrics)) {
      texts.push(
        valueLines(
          metric,
          state.filter((value) => value.metric === metric),
        ),
      );
    }
    return texts.join('');
  }

  #snapshot(): MetricsSnapshot {
    const values = new Map(this.#values);
    for (const { metric, labels, value } of [...engineState(), ...this.#watched.expiries()]) {
      const family = values.get(metric) ?? new Family((names) => new Value(names));
      family.of(labels).value = value;
      values.set(metric, family);
    }
    return snapshotOf(this.#buckets, values, this.#histograms);
  }

  /** Stops counting. */
  close(): void {
    this.#stop();
  }

  /** Supports `using`; the same as `close`. */
  [Symbol.dispose](): void {
    this.close();
  }
}

/**
 * Counts the handshakes, signatures and requests to KMS of this thread: `response.end(metrics.text())`.
 *
 * @throws InvalidOptionError, naming the option.
 */
export function prometheusMetrics(options: PrometheusOptions = {}): PrometheusMetrics {
  const { buckets } = readOptionsObject(
    prometheusSchema,
    options,
    'an object such as { buckets: [0.01, 0.1, 1] }',
  );
  return new PrometheusMetrics(buckets.map(Number));
}

/** Whether the numbers ascend from above 0. */
function isRising(buckets: unknown): boolean {
  if (!Array.isArray(buckets) || buckets.length === 0) return false;
  const bounds: readonly unknown[] = buckets;
  return bounds.every(
    (bound, index) => Number.isFinite(bound) && Number(bound) > (index === 0 ? 0 : Number(bounds[index - 1])),
  );
}
