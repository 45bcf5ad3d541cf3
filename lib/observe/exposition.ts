import { prometheusName, type Metric } from './metrics.ts';
import type { Distribution, Value } from './series.ts';

/**
 * Prometheus's text exposition format 0.0.4
 * (https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format).
 */
export const contentType = 'text/plain; version=0.0.4; charset=utf-8';

/** The lines of a metric with all its series; none if it has no series. */
export function valueLines(metric: Metric, series: Iterable<Pick<Value, 'labels' | 'value'>>): string {
  const name = prometheusName(metric);
  let lines = '';
  for (const { labels, value } of series) lines += sample(name, metric.labels, labels, value);
  return lines === '' ? '' : heading(name, metric) + lines;
}

export function histogramLines(
  metric: Metric,
  series: Iterable<Distribution>,
  bounds: readonly number[],
): string {
  const name = prometheusName(metric);
  const bucketLabels = [...metric.labels, 'le'];
  let lines = '';
  for (const { labels, counts, sum, count } of series) {
    let below = 0;
    for (const [index, bound] of [...bounds, Infinity].entries()) {
      below += counts[index] ?? 0;
      lines += sample(`${name}_bucket`, bucketLabels, [...labels, number(bound)], below);
    }
    lines += sample(`${name}_sum`, metric.labels, labels, sum);
    lines += sample(`${name}_count`, metric.labels, labels, count);
  }
  return lines === '' ? '' : heading(name, metric) + lines;
}

function heading(name: string, { help, kind }: Metric): string {
  const escaped = help.replaceAll('\\', '\\\\').replaceAll('\n', '\\n');
  return `# HELP ${name} ${escaped}\n# TYPE ${name} ${kind}\n`;
}

function sample(name: string, names: readonly string[], values: readonly string[], value: number): string {
  const pairs = names.map((label, index) => `${label}="${escapeLabel(values[index] ?? '')}"`);
  const labels = pairs.length === 0 ? '' : `{${pairs.join(',')}}`;
  return `${name}${labels} ${number(value)}\n`;
}

function escapeLabel(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('\n', '\\n').replaceAll('"', '\\"');
}

/** In a form that Go's ParseFloat reads. */
function number(value: number): string {
  if (value === Infinity) return '+Inf';
  if (value === -Infinity) return '-Inf';
  return String(value);
}
