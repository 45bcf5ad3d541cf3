// Puts a run's results where the README and docs/benchmark.md show them.
import { readFile, writeFile } from 'node:fs/promises';
import { inCheckout } from '../checkout.mjs';
import { plot } from './plot.mjs';
import { goalTable, report } from './report.mjs';

const begin = '<!-- written by `npm run bench -- --publish` -->';
const end = '<!-- end of what is written -->';

/** @returns {Promise<string[]>} the files that were written */
export async function publish(results) {
  const files = {
    'docs/benchmark.txt': `${report(results)}\n`,
    'docs/benchmark.svg': plot(results),
    'docs/benchmark.md': await filled('docs/benchmark.md', summaryOf(results)),
    'README.md': await filled('README.md', ratioTable(results)),
  };
  for (const [name, text] of Object.entries(files)) await writeFile(inCheckout(name), text);
  return Object.keys(files);
}

async function filled(page, text) {
  return between(await readFile(inCheckout(page), 'utf8'), text, page);
}

function summaryOf(results) {
  return [
    '```text',
    ...report({ ...results, scenarios: [], goals: [] }).split('\n'),
    '',
    ...goalTable(results.goals),
    '```',
  ].join('\n');
}

const handshake = 'Full TLS 1.3 handshake, P-256, closed in order by the client';

/** The rows of the README: what a reader compares first, whether it came out well or not. */
const shown = [
  ['Full handshake, key in the process', handshake, 'local-key'],
  ['Full handshake, key in a local KMS', handshake, 'kms'],
  ['Resumed handshake', 'Resumed TLS 1.3 handshake', 'local-key'],
  ['Small HTTPS request', 'Small HTTPS request on a kept connection', 'local-key'],
  ['Small HTTP/2 request', 'Small h2 request', 'local-key'],
  ['HTTPS response of 64 KiB', 'HTTPS response of 64 KiB', 'local-key'],
  ['HTTPS response of 1 MiB', 'HTTPS response of 1 MiB', 'local-key'],
  ['Upload in writes of 64 KiB', 'Bulk up in writes of 64 KiB, a MiB', 'local-key'],
  ['Small WebSocket message', 'WebSocket message of 13 bytes, echoed', 'local-key'],
];

/** The README's table of ratios against node:tls, from the goals of a run. */
export function ratioTable({ stamp, goals }) {
  const ratio = (title, contender, what) => {
    const goal = goals.find(
      (one) =>
        one.title === title && one.contender === contender && one.what === what && one.against === 'node-tls',
    );
    return goal === undefined ? '' : goal.value.median.toFixed(2);
  };
  const rows = shown.map(([label, title, contender]) => [
    label,
    ratio(title, contender, "event loop's CPU"),
    ratio(title, contender, "process's CPU"),
    ratio(`${title}, one process on two cores`, contender, 'throughput'),
  ]);
  const latency = ratio('Small HTTPS request, nothing else to do', 'local-key', 'latency, p50');
  const memory = ratio(
    'An idle connection, after a handshake and a request on it',
    'local-key',
    "memory, kernel's included",
  );
  return [
    ...aligned([['against node:tls', "event loop's CPU", "process's CPU", 'throughput, 2 cores'], ...rows]),
    '',
    `An idle connection uses ${memory} times the memory. A request with nothing else to do takes ${latency} times as long.`,
    `Measured on ${stamp.date.slice(0, 10)}: ${stamp.cpu}, Linux, Node ${stamp.node}, ${stamp.rounds} rounds, medians.`,
  ].join('\n');
}

/** As Prettier lays out a table: the first column to the left, the others to the right. */
function aligned([head, ...rows]) {
  const widths = head.map((_, i) => Math.max(...[head, ...rows].map((row) => row[i].length)));
  const line = (row) =>
    `| ${row.map((cell, i) => (i === 0 ? cell.padEnd(widths[i]) : cell.padStart(widths[i]))).join(' | ')} |`;
  const rule = widths.map((width, i) => (i === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  return [line(head), `| ${rule.join(' | ')} |`, ...rows.map(line)];
}

/** The text with what stands between the two marks replaced. @throws Error without the marks */
export function between(text, middle, page = 'the page') {
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${page} lacks ${begin} and ${end}`);
  return `${text.slice(0, from + begin.length)}\n\n${middle}\n\n${text.slice(to)}`;
}
