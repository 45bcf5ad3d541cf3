// Where things are in this checkout. The scripts work whatever folder they are started from.
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The folder of package.json. */
export const root = dirname(dirname(fileURLToPath(import.meta.url)));

/** A path of the checkout: `inCheckout('vendor', 'Cargo.lock')`. */
export function inCheckout(...parts) {
  return join(root, ...parts);
}

/** The folder of an installed npm package, wherever npm put it; undefined if it is not installed. */
export function installedPackage(name) {
  const require = createRequire(join(root, 'package.json'));
  for (const folder of require.resolve.paths(name) ?? []) {
    if (existsSync(join(folder, name, 'package.json'))) return join(folder, name);
  }
  return undefined;
}
