/** One sample of a Prometheus text. */
export interface Sample {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

/** A metric: its `# HELP`, `# TYPE` and samples. */
export interface ReadMetric {
  readonly help: string;
  readonly type: string;
  readonly samples: Sample[];
}

const helpLine = /^# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/;
const typeLine = /^# TYPE ([a-zA-Z_:][a-zA-Z0-9_:]*) (counter|gauge|histogram)$/;
const pair = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"/;
const sampleLine = new RegExp(
  `^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\\{(${pair.source}(?:,${pair.source})*)\\})? (\\+Inf|-Inf|NaN|[-+0-9.e]+)$`,
);

/**
 * Reads text exposition format 0.0.4 strictly: HELP, then TYPE, then samples of that metric alone; no series twice; buckets
 * that rise to `+Inf`, which is the count. Throws at the first line that is otherwise.
 */
export function readExposition(text: string): Map<string, ReadMetric> {
  if (!text.endsWith('\n')) throw new Error('the last line has no end');
  const metrics = new Map<string, ReadMetric>();
  let current: { name: string; help: string; metric?: ReadMetric } | undefined;
  const seen = new Set<string>();
  for (const line of text.slice(0, -1).split('\n')) {
    const help = helpLine.exec(line);
    const type = typeLine.exec(line);
    if (help) {
      const [, name = '', words = ''] = help;
      if (metrics.has(name)) throw new Error(`${name} is there twice`);
      current = { name, help: words };
    } else if (type) {
      const [, name = '', kind = ''] = type;
      if (current?.name !== name || current.metric) throw new Error(`a TYPE without its HELP: ${line}`);
      current.metric = { help: current.help, type: kind, samples: [] };
      metrics.set(name, current.metric);
    } else {
      const sample = readSample(line);
      if (!current?.metric) throw new Error(`a sample before its TYPE: ${line}`);
      const suffixes = current.metric.type === 'histogram' ? ['_bucket', '_sum', '_count'] : [''];
      if (!suffixes.some((suffix) => sample.name === `${current?.name ?? ''}${suffix}`)) {
        throw new Error(`a sample of another metric: ${line}`);
      }
      const series = line.slice(0, line.lastIndexOf(' '));
      if (seen.has(series)) throw new Error(`a series twice: ${line}`);
      seen.add(series);
      current.metric.samples.push(sample);
    }
  }
  for (const [name, metric] of metrics) if (metric.type === 'histogram') checkHistogram(name, metric);
  return metrics;
}

function readSample(line: string): Sample {
  const match = sampleLine.exec(line);
  if (!match) throw new Error(`not a sample: ${line}`);
  const [, name = '', pairs = ''] = match;
  const labels: Record<string, string> = {};
  for (const [, label = '', value = ''] of pairs.matchAll(new RegExp(pair, 'g'))) {
    if (label in labels) throw new Error(`a label twice: ${line}`);
    labels[label] = value.replaceAll(/\\(.)/g, (_, escaped: string) => (escaped === 'n' ? '\n' : escaped));
  }
  const written = match.at(-1) ?? '';
  const value = Number(written.replace('Inf', 'Infinity'));
  if (Number.isNaN(value)) throw new Error(`not a number: ${line}`);
  return { name, labels, value };
}

function checkHistogram(name: string, { samples }: ReadMetric): void {
  const bySeries = new Map<string, Sample[]>();
  for (const sample of samples) {
    const key = JSON.stringify({ ...sample.labels, le: undefined });
    bySeries.set(key, [...(bySeries.get(key) ?? []), sample]);
  }
  for (const series of bySeries.values()) {
    const buckets = series.filter((sample) => sample.name === `${name}_bucket`);
    const bounds = buckets.map(({ labels }) => Number((labels['le'] ?? '').replace('Inf', 'Infinity')));
    const count = series.find((sample) => sample.name === `${name}_count`)?.value;
    const sum = series.find((sample) => sample.name === `${name}_sum`)?.value;
    const rises = (values: number[], by: (a: number, b: number) => boolean): boolean =>
      values.every((value, index) => index === 0 || by(values[index - 1] ?? NaN, value));
    const sound =
      bounds.at(-1) === Infinity &&
      rises(bounds, (a, b) => a < b) &&
      rises(
        buckets.map(({ value }) => value),
        (a, b) => a <= b,
      ) &&
      buckets.at(-1)?.value === count &&
      sum !== undefined;
    if (!sound) throw new Error(`not a histogram: ${name} ${JSON.stringify(series)}`);
  }
}
