import { eventMetrics, stateMetrics, type Metric } from './metrics.ts';
import { histogramLines, valueLines } from './exposition.ts';
import { Distribution, Family, Value } from './series.ts';

/** All series of one thread, as workers of a cluster send them to the primary: metrics by name. */
export interface MetricsSnapshot {
  readonly bounds: readonly number[];
  readonly values: Readonly<Record<string, readonly (readonly [labels: readonly string[], value: number])[]>>;
  readonly histograms: Readonly<
    Record<string, readonly (readonly [labels: readonly string[], counts: readonly number[], sum: number])[]>
  >;
}

/** What is no count: a sum over workers would mean nothing. */
const { certificateExpiry, ticketKeysHeld, ticketKeysSuccess, ticketKeysClock } = stateMetrics;
const isOfAll = new Set<Metric>([certificateExpiry, ticketKeysHeld, ticketKeysSuccess, ticketKeysClock]);
const metrics: readonly Metric[] = [...Object.values(eventMetrics), ...Object.values(stateMetrics)];

/** The sum of several snapshots. */
export class MergedSnapshots {
  readonly #values = new Map<Metric, Family<Value>>();
  readonly #histograms = new Map<Metric, Family<Distribution>>();
  #bounds: readonly number[] | undefined;

  /**
   * @param keeps The kinds of values to add. Only the counters of a process that has ended still matter.
   * @returns False if its histograms have other buckets than the first snapshot's. Only its other values are added then.
   */
  add(snapshot: MetricsSnapshot, keeps: 'all' | 'counters' = 'all'): boolean {
    // Without bounds, nothing was added so far.
    if (snapshot.bounds.length > 0) this.#bounds ??= snapshot.bounds;
    const bounds = this.#bounds ?? [];
    const fits = snapshot.bounds.length === 0 || String(bounds) === String(snapshot.bounds);
    for (const metric of metrics) {
      if (metric.kind === 'histogram') {
        if (fits) this.#addHistogram(metric, bounds, snapshot.histograms[metric.name] ?? []);
      } else if (keeps === 'all' || metric.kind === 'counter') {
        const family = familyOf(this.#values, metric, (labels) => new Value(labels));
        for (const [labels, value] of snapshot.values[metric.name] ?? []) {
          const series = family.of(labels);
          // All workers report the same expiry for a certificate.
          series.value = isOfAll.has(metric) ? value : series.value + value;
        }
      }
    }
    return fits;
  }

  #addHistogram(
    metric: Metric,
    bounds: readonly number[],
    histograms: MetricsSnapshot['histograms'][string],
  ): void {
    const family = familyOf(this.#histograms, metric, (labels) => new Distribution(labels, bounds));
    for (const [labels, counts, sum] of histograms) family.of(labels).merge(counts, sum);
  }

  /** In the form that `add` takes. */
  snapshot(): MetricsSnapshot {
    return snapshotOf(this.#bounds ?? [], this.#values, this.#histograms);
  }

  text(): string {
    return metrics
      .map((metric) => {
        const histograms = this.#histograms.get(metric);
        if (histograms) return histogramLines(metric, histograms.all, this.#bounds ?? []);
        return valueLines(metric, this.#values.get(metric)?.all ?? []);
      })
      .join('');
  }
}

export function snapshotOf(
  bounds: readonly number[],
  values: ReadonlyMap<Metric, Family<Value>>,
  histograms: ReadonlyMap<Metric, Family<Distribution>>,
): MetricsSnapshot {
  return {
    bounds,
    values: Object.fromEntries(
      [...values].map(([{ name }, family]) => [
        name,
        [...family.all].map(({ labels, value }) => [labels, value] as const),
      ]),
    ),
    histograms: Object.fromEntries(
      [...histograms].map(([{ name }, family]) => [
        name,
        [...family.all].map(({ labels, counts, sum }) => [labels, counts, sum] as const),
      ]),
    ),
  };
}

function familyOf<S extends Value | Distribution>(
  families: Map<Metric, Family<S>>,
  metric: Metric,
  make: (labels: readonly string[]) => S,
): Family<S> {
  let family = families.get(metric);
  if (!family) families.set(metric, (family = new Family(make)));
  return family;
}
