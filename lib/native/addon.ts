import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { S2nPkeyError } from '../errors.ts';
import type { Addon } from './binding.ts';

const require = createRequire(import.meta.url);

let loaded: Addon | undefined;

/**
 * The native addon, loaded at the first call.
 *
 * @throws S2nPkeyError `ERR_S2N_PKEY_ADDON_NOT_FOUND` or `ERR_S2N_PKEY_ADDON_LOAD`, with what to do.
 */
export function addon(): Addon {
  return (loaded ??= load());
}

function load(): Addon {
  const file = find();
  try {
    return require(file) as Addon;
  } catch (cause) {
    throw new S2nPkeyError(
      'ERR_S2N_PKEY_ADDON_LOAD',
      `the native addon ${file} could not be loaded on ${process.platform}-${process.arch}, Node ${process.version}: ` +
        `${cause instanceof Error ? cause.message : String(cause)}. It needs Linux with glibc and Node 20.19 or later; ` +
        'build it on this machine with `npm run build:native`.',
      { cause },
    );
  }
}

/**
 * `S2N_PKEY_ADDON` names another file than the package's own, such as one built with sanitizers. The package's own is what was
 * built on this machine, or else what was built beforehand for machines of its kind.
 */
function find(): string {
  const named = process.env['S2N_PKEY_ADDON'];
  const candidates = named
    ? [resolve(named)]
    : [
        join(packageRoot(), 'build', 'Release', 's2n_pkey.node'),
        join(packageRoot(), 'prebuilds', `${process.platform}-${process.arch}`, 's2n_pkey.node'),
      ];
  const found = candidates.find((candidate) => existsSync(candidate));
  if (found !== undefined) return found;
  throw new S2nPkeyError(
    'ERR_S2N_PKEY_ADDON_NOT_FOUND',
    named
      ? `S2N_PKEY_ADDON names ${candidates.join()}, and there is no such file: unset it to use the package's own addon.`
      : `the native addon is not built: looked for ${candidates.join(', ')}. Run \`npm run build:native\` in the package's folder.`,
  );
}

/** The folder of package.json, from `lib/native` as well as from `dist/lib/native`. */
function packageRoot(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'package.json'))) {
    const parent = dirname(folder);
    if (parent === folder) break;
    folder = parent;
  }
  return folder;
}
