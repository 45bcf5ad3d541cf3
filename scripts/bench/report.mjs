// The results as tables for the terminal and the documentation.

const count = (number) => Math.round(number).toLocaleString('en');
const milliseconds = ({ median }) => (Number.isNaN(median) ? '' : (median / 1000).toFixed(2));
const kibibytes = (figure) => withSpread(scaled(figure, 1024));

const cost = [
  ['event loop', ({ loopMicroseconds }) => withSpread(loopMicroseconds)],
  ['×', (own, base) => ratio(own.loopMicroseconds, base.loopMicroseconds)],
  ['process', ({ processMicroseconds }) => withSpread(processMicroseconds)],
  ['×', (own, base) => ratio(own.processMicroseconds, base.processMicroseconds)],
  ['per second', ({ perSecond }) => count(perSecond.median)],
];
const latency = [
  ['p50 ms', ({ latencyP50Microseconds }) => milliseconds(latencyP50Microseconds)],
  ['p99 ms', ({ latencyP99Microseconds }) => milliseconds(latencyP99Microseconds)],
  [
    'load busy',
    ({ loadBusy }) =>
      loadBusy.median === null || Number.isNaN(loadBusy.median)
        ? ''
        : `${Math.round(loadBusy.median * 100)} %`,
  ],
];

/** By a scenario's `columns`: a head, and the cell from a contender's summary and the first contender's. */
const columns = {
  cost: [...cost, ...latency],
  storm: [
    ...cost,
    ['delay p99 ms', ({ delayP99Microseconds }) => milliseconds(delayP99Microseconds)],
    ['max', ({ delayMaxMicroseconds }) => milliseconds(delayMaxMicroseconds)],
    ['kept-alive p50', ({ latencyP50Microseconds }) => milliseconds(latencyP50Microseconds)],
    ['p99 ms', ({ latencyP99Microseconds }) => milliseconds(latencyP99Microseconds)],
    ['asked/s', ({ requestsPerSecond }) => count(requestsPerSecond.median)],
  ],
  memory: [
    ["server's KiB", ({ ownBytes }) => kibibytes(ownBytes)],
    ['×', (own, base) => ratio(own.ownBytes, base.ownBytes)],
    ["kernel's KiB", ({ kernelBytes }) => kibibytes(kernelBytes)],
    ['together', ({ allBytes }) => kibibytes(allBytes)],
    ['×', (own, base) => ratio(own.allBytes, base.allBytes)],
  ],
  added: [
    ['event loop', ({ loopMicroseconds }) => withSpread(loopMicroseconds)],
    ['process', ({ processMicroseconds }) => withSpread(processMicroseconds)],
    ['per second', ({ perSecond }) => count(perSecond.median)],
    ["KMS's own p50 ms", ({ ownP50Microseconds }) => milliseconds(ownP50Microseconds)],
    ['p99', ({ ownP99Microseconds }) => milliseconds(ownP99Microseconds)],
    ['added p50 ms', ({ addedP50Microseconds }) => milliseconds(addedP50Microseconds)],
    ['p99', ({ addedP99Microseconds }) => milliseconds(addedP99Microseconds)],
  ],
};

/** @param {{ stamp: object, scenarios: object[], goals: object[] }} results as in results.json */
export function report({ stamp, scenarios, goals }) {
  const lines = [
    `s2n-pkey ${stamp.package}, Node ${stamp.node}, ${stamp.s2nTls}, AWS-LC ${stamp.awsLc}, ${stamp.cpu}, Linux ${stamp.kernel}`,
    `${stamp.date.slice(0, 10)}; ${stamp.rounds} rounds of ${stamp.secondsPerRound} s, contenders in turn; ${pinning(stamp)}. Medians; ± is half`,
    'of what lies between the least and the greatest. CPU is µs a unit. × is against the first contender.',
  ];
  if (goals.length > 0) lines.push('', ...goalTable(goals));
  for (const scenario of scenarios) lines.push('', ...scenarioTable(scenario));
  return lines.join('\n');
}

function pinning({ serverCore, loadCore, coresShared }) {
  if (serverCore === undefined) return 'nothing pinned';
  const shared = coresShared ? ' (which servers on two cores share with it)' : '';
  return `server on core ${serverCore}, load on core ${loadCore}${shared}`;
}

/** The goals, each with what came out; the ratio is the median of the rounds' own. */
export function goalTable(goals) {
  const rows = goals.map(({ title, what, contender, against, bound, limit, value, met }) => [
    `${title}: ${what}`,
    against ? `${contender} / ${against}` : contender,
    `${bound === 'most' ? '≤' : '≥'} ${count(limit) === '0' || limit < 100 ? limit.toFixed(2) : count(limit)}`,
    limit < 100 ? withSpread(value, 2) : withSpread(value, 0),
    met ? 'met' : 'missed',
  ]);
  const met = goals.filter((goal) => goal.met).length;
  return [`Goals: ${met} of ${goals.length} met`, ...align([['', '', 'goal', 'now', ''], ...rows])];
}

function scenarioTable({ title, plainTitle, connections, unit, columns: kind, contenders }) {
  const base = contenders[0].summary;
  const rows = contenders.map(({ title: name, agreement, summary }) => [
    agreement === 'plain' ? `${name}: ${plainTitle}` : name,
    ...columns[kind].map(([, cell]) => cell(summary, base)),
  ]);
  const head = [`  a ${unit}`.trim(), ...columns[kind].map(([name]) => name)];
  const agreements = contenders
    .filter(({ agreement }) => agreement)
    .map(({ name, agreement }) => `${name} ${agreement}`);
  const lines = [`${title}, ${count(connections)} at once`, ...align([head, ...rows])];
  return agreements.length > 0 ? [...lines, `  (${agreements.join('; ')})`] : lines;
}

function withSpread({ median, min, max }, digits = 1) {
  return `${median.toFixed(digits)} ±${((max - min) / 2).toFixed(digits)}`;
}

function scaled({ median, min, max }, divisor) {
  return { median: median / divisor, min: min / divisor, max: max / divisor };
}

function ratio(one, other) {
  return (one.median / other.median).toFixed(2);
}

/** The first column to the left, the others to the right. */
function align(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => row[column].length)));
  return rows.map((row) =>
    row
      .map((cell, i) => (i === 0 ? `  ${cell.padEnd(widths[i])}` : cell.padStart(widths[i])))
      .join('  ')
      .trimEnd(),
  );
}
