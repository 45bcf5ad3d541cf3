import { readFileSync } from 'node:fs';

/** The codes that docs/api/errors.md lists: as headings, and in the first column of its tables. */
export function listedCodes(): Set<string> {
  const page = readFileSync(new URL('../../docs/api/errors.md', import.meta.url), 'utf8');
  const headings = [...page.matchAll(/^### (ERR_[A-Z0-9_]+)$/gm)].map(([, code = '']) => code);
  const cells = [...page.matchAll(/^\| (`[^|]+)\|/gm)].flatMap(([, cell = '']) =>
    [...cell.matchAll(/`([A-Z][A-Z0-9_]+)`/g)].map(([, code = '']) => code),
  );
  return new Set([...headings, ...cells]);
}
