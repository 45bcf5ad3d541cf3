import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const docs = fileURLToPath(new URL('../../docs', import.meta.url));
const lib = fileURLToPath(new URL('../../lib', import.meta.url));

/** The text of a page; `page` is its path in docs/. */
export function pageText(page: string): string {
  return readFileSync(join(docs, page), 'utf8');
}

/** The text below a heading of a page, down to the next heading of any level. Throws if the page has no such heading. */
export function sectionOf(page: string, heading: string): string {
  const sections = pageText(page).split(/^(?=#+ )/m);
  const found = sections.find((section) => section.replace(/^#+ /, '').startsWith(`${heading}\n`));
  if (found === undefined) throw new Error(`docs/${page} has no heading '${heading}'`);
  return found.slice(found.indexOf('\n') + 1);
}

/** The rows of the first table below a heading, without its header: the text of each cell. */
export function tableOf(page: string, heading: string): string[][] {
  const lines = sectionOf(page, heading).split('\n');
  const first = lines.findIndex((line) => line.startsWith('|'));
  const rest = lines.slice(first);
  const end = rest.findIndex((line) => !line.startsWith('|'));
  return rest.slice(2, end === -1 ? undefined : end).map((line) =>
    line
      .replace(/^\||\|$/g, '')
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim()),
  );
}

/** What stands between back quotes in a text. */
export function quotedIn(text: string): string[] {
  return [...text.matchAll(/`([^`]+)`/g)].map(([, quoted = '']) => quoted);
}

/** Every page of docs/, as its path in docs/. */
export function allPages(): string[] {
  return readdirSync(docs, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.md'));
}

/** The text of a file in lib/, or of all files of a folder of lib/ and below. */
export function sourceText(path: string): string {
  if (path.endsWith('.ts')) return readFileSync(join(lib, path), 'utf8');
  return readdirSync(join(lib, path), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts'))
    .map((name) => readFileSync(join(lib, path, name), 'utf8'))
    .join('\n');
}
