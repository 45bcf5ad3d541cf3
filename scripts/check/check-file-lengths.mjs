// Files stay short enough to be read in one sitting.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../checkout.mjs';
import { reportFindings } from './report-findings.mjs';
import { sourceFiles } from './source-files.mjs';

const FOLDERS = ['lib', 'binding', 'scripts', 'test'];
const MOST_LINES = 400;

/** @returns {string[]} one line for each file that is too long */
export function lengthFindings() {
  return FOLDERS.flatMap((folder) => sourceFiles(folder))
    .map((file) => ({ file, lines: readFileSync(join(root, file), 'utf8').split('\n').length - 1 }))
    .filter(({ lines }) => lines > MOST_LINES)
    .map(
      ({ file, lines }) =>
        `${file} has ${lines} lines, and ${MOST_LINES} are the most: split it by what it does`,
    );
}

await reportFindings(import.meta.url, lengthFindings);
