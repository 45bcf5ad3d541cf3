import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { S2nPkeyError } from '../errors.ts';
import { refuseOtherPlatforms } from './other-platforms.ts';
import type { Addon } from './binding.ts';
import { buildCommand, describeMachine, findAddon } from './find-addon.ts';

const requireAddon = createRequire(import.meta.url);

let loaded: Addon | undefined;

/**
 * The native addon, loaded at the first call.
 *
 * @throws S2nPkeyError `ERR_S2N_PKEY_ADDON_NOT_FOUND`, `ERR_S2N_PKEY_ADDON_VERSION` or `ERR_S2N_PKEY_ADDON_LOAD`, with what to do.
 * @throws S2nPkeyError `ERR_S2N_PKEY_PLATFORM` where there can be none.
 */
export function addon(): Addon {
  if (loaded === undefined) refuseOtherPlatforms();
  return (loaded ??= load());
}

function load(): Addon {
  const root = packageRoot();
  const file = findAddon({ root });
  try {
    return requireAddon(file) as Addon;
  } catch (cause) {
    throw new S2nPkeyError(
      'ERR_S2N_PKEY_ADDON_LOAD',
      `the native addon ${file} could not be loaded on ${describeMachine()}, Node ${process.version}: ` +
        `${cause instanceof Error ? cause.message : String(cause)}. The prebuilt addons need Linux with glibc 2.28 or later, or with ` +
        `musl, and Node 20.19 or later; build it on this machine with \`${buildCommand(root)}\`.`,
      { cause },
    );
  }
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
