// The source files of the checkout, for the checks that read them.
import { existsSync, readdirSync } from 'node:fs';
import { extname, join } from 'node:path';
import { inCheckout } from '../checkout.mjs';

const EXTENSIONS = new Set(['.ts', '.mjs', '.js', '.cc', '.c', '.h']);

/** The source files under a folder of the checkout, as paths from the checkout; none if there is no such folder. */
export function sourceFiles(folder) {
  if (!existsSync(inCheckout(folder))) return [];
  return readdirSync(inCheckout(folder), { recursive: true })
    .map((name) => join(folder, name))
    .filter((name) => EXTENSIONS.has(extname(name)))
    .sort();
}
