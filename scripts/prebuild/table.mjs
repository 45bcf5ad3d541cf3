// The table of docs/platforms.md: what ran where, as `npm run prebuild -- --check` saw it. Rows of kinds that a run left out stay.
import { readFileSync, writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import { inCheckout } from '../checkout.mjs';
import { say } from '../command.mjs';

const page = inCheckout('docs', 'platforms.md');
const begin = '<!-- The rows are written by `npm run prebuild -- --check`. -->';

/** @typedef {{ kind: string, node: string, loads: string, serves: string, coreTests?: string, where: string }} Row */

/** @param {Row[]} rows */
export async function writeTable(rows) {
  const options = await resolveConfig(page);
  const written = withRows(readFileSync(page, 'utf8'), rows);
  writeFileSync(page, await format(written, { ...options, filepath: page }));
  say(`wrote ${rows.length} rows of docs/platforms.md.`);
}

/**
 * The page's text with the rows that a run saw in place of those of the same kinds.
 *
 * @param {string} text
 * @param {Row[]} rows
 */
export function withRows(text, rows) {
  const at = text.indexOf(begin);
  const end = text.indexOf('\n\n', text.indexOf('| ---', at));
  const before = readRows(text.slice(at, end));
  const kinds = new Set(rows.map(({ kind }) => kind));
  // A run without the core's tests leaves what an earlier one saw.
  const coreTests = new Map(before.map((row) => [row.kind, row.coreTests]));
  const all = [
    ...before.filter(({ kind }) => !kinds.has(kind)),
    ...rows.map((row) => ({ ...row, coreTests: row.coreTests ?? coreTests.get(row.kind) ?? 'not run' })),
  ];
  all.sort((a, b) => order(a).localeCompare(order(b)));
  const lines = [
    '| machine | Node.js | loads | serves | core tests | ran on |',
    '| --- | --- | --- | --- | --- | --- |',
    ...all.map((row) => `| ${columns.map((name) => row[name]).join(' | ')} |`),
  ];
  return `${text.slice(0, at)}${begin}\n\n${lines.join('\n')}${text.slice(end)}`;
}

/** In the table's order. */
const columns = ['kind', 'node', 'loads', 'serves', 'coreTests', 'where'];

const order = ({ kind, node }) => `${kind.includes('x64') ? 0 : 1}${kind} ${node}`;

function readRows(text) {
  return text
    .split('\n')
    .filter((line) => /^\| linux-/.test(line))
    .map((line) => line.slice(2, -2).split(' | '))
    .map((cells) => Object.fromEntries(columns.map((name, index) => [name, cells[index].trim()])));
}
