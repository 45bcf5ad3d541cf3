import type {
  BatchObservableCallback,
  Counter,
  Histogram,
  Meter,
  Observable,
  UpDownCounter,
} from '@opentelemetry/api';
import { measureChannels } from './measurements.ts';
import { defaultBuckets, eventMetrics, stateMetrics, type Metric } from './metrics.ts';
import { engineState } from './state.ts';

/** Reports measurements of the channels and the engine to a meter. Returns a function that stops it. */
export function meterMeasurements(meter: Meter): () => void {
  const sums = new Map<Metric, Counter | UpDownCounter>();
  const histograms = new Map<Metric, Histogram>();
  for (const metric of Object.values(eventMetrics)) {
    const { kind, unit, help: description } = metric;
    const name = `s2n_pkey.${metric.name}`;
    if (kind === 'histogram') {
      const advice = { explicitBucketBoundaries: [...defaultBuckets] };
      histograms.set(metric, meter.createHistogram(name, { unit, description, advice }));
    } else {
      sums.set(
        metric,
        kind === 'counter'
          ? meter.createCounter(name, { unit, description })
          : meter.createUpDownCounter(name, { unit, description }),
      );
    }
  }
  const states = new Map<Metric, Observable>();
  for (const metric of Object.values(stateMetrics)) {
    if (metric === stateMetrics.certificateExpiry) continue;
    const options = { unit: metric.unit, description: metric.help };
    const name = `s2n_pkey.${metric.name}`;
    states.set(
      metric,
      metric.kind === 'counter'
        ? meter.createObservableCounter(name, options)
        : meter.createObservableGauge(name, options),
    );
  }
  const observe: BatchObservableCallback = (result) => {
    for (const { metric, value, labels } of engineState()) {
      const observable = states.get(metric);
      if (observable) result.observe(observable, value, attributesOf(metric, labels));
    }
  };
  const observables = [...states.values()];
  meter.addBatchObservableCallback(observe, observables);
  const stop = measureChannels({
    add: (metric, amount, labels) => sums.get(metric)?.add(amount, attributesOf(metric, labels)),
    record: (metric, seconds, labels) =>
      histograms.get(metric)?.record(seconds, attributesOf(metric, labels)),
  });
  return () => {
    stop();
    meter.removeBatchObservableCallback(observe, observables);
  };
}

function attributesOf({ labels: names }: Metric, values: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name, index) => [name, values[index] ?? '']));
}
