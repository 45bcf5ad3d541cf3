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
  };
  const readme = inCheckout('README.md');
  files['README.md'] = between(await readFile(readme, 'utf8'), summaryOf(results));
  for (const [name, text] of Object.entries(files)) await writeFile(inCheckout(name), text);
  return Object.keys(files);
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

/** The text with what stands between the two marks replaced. @throws Error without the marks */
export function between(text, middle) {
  const from = text.indexOf(begin);
  const to = text.indexOf(end);
  if (from < 0 || to < from) throw new Error(`the README lacks ${begin} and ${end}`);
  return `${text.slice(0, from + begin.length)}\n\n${middle}\n\n${text.slice(to)}`;
}
