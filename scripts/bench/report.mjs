// The results as a table for the terminal.

/** @param {{ stamp: object, scenarios: object[] }} results as in results.json */
export function report({ stamp, scenarios }) {
  const pinning =
    stamp.serverCore === undefined
      ? 'nothing pinned'
      : `server on core ${stamp.serverCore}, load on core ${stamp.loadCore}`;
  const lines = [
    `s2n-pkey ${stamp.package}, Node ${stamp.node}, ${stamp.s2nTls}, AWS-LC ${stamp.awsLc}, ${stamp.cpu}, Linux ${stamp.kernel}`,
    `${stamp.rounds} rounds of ${stamp.secondsPerRound} s, contenders in turn; ${pinning}. Medians; ± is half of what lies between`,
    'the least and the greatest. CPU is µs a unit. × is against the first contender.',
  ];
  for (const scenario of scenarios) lines.push('', ...scenarioTable(scenario));
  return lines.join('\n');
}

function scenarioTable({ title, plainTitle, connections, contenders }) {
  const baseline = contenders[0];
  const rows = contenders.map(({ title: name, agreement, summary }) => [
    agreement === 'plain' ? `${name}: ${plainTitle}` : name,
    withSpread(summary.loopMicroseconds),
    ratio(summary.loopMicroseconds, baseline.summary.loopMicroseconds),
    withSpread(summary.processMicroseconds),
    ratio(summary.processMicroseconds, baseline.summary.processMicroseconds),
    Math.round(summary.perSecond.median).toLocaleString('en'),
    milliseconds(summary.latencyP50Microseconds.median),
    milliseconds(summary.latencyP99Microseconds.median),
    `${Math.round(summary.loadBusy.median * 100)} %`,
  ]);
  const head = ['', 'event loop', '×', 'process', '×', 'per second', 'p50 ms', 'p99 ms', 'load busy'];
  const agreements = contenders.map(({ name, agreement }) => `${name} ${agreement}`);
  return [`${title}, ${connections} at once`, ...align([head, ...rows]), `  (${agreements.join('; ')})`];
}

function withSpread({ median, min, max }) {
  return `${median.toFixed(1)} ±${((max - min) / 2).toFixed(1)}`;
}

function ratio(one, other) {
  return (one.median / other.median).toFixed(2);
}

function milliseconds(microseconds) {
  return (microseconds / 1000).toFixed(2);
}

/** The first column to the left, the others to the right. */
function align(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row.map((cell, i) => (i === 0 ? `  ${cell.padEnd(widths[i])}` : cell.padStart(widths[i]))).join('  '),
  );
}
