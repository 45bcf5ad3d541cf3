import { existsSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { S2nPkeyError } from '../errors.ts';
import type { Addon } from './binding.ts';
import { glibcVersion, machineKind } from './machine.ts';

const requireAddon = createRequire(import.meta.url);

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
  const root = packageRoot();
  const file = find(root);
  try {
    return requireAddon(file) as Addon;
  } catch (cause) {
    throw new S2nPkeyError(
      'ERR_S2N_PKEY_ADDON_LOAD',
      `the native addon ${file} could not be loaded on ${machine()}, Node ${process.version}: ` +
        `${cause instanceof Error ? cause.message : String(cause)}. It needs Linux with glibc (the one that comes with the ` +
        `package: 2.28 or later) and Node 20.19 or later; build it on this machine with \`${buildCommand(root)}\`.`,
      { cause },
    );
  }
}

/**
 * `S2N_PKEY_ADDON` names another file than the package's own, such as one built with sanitizers. The package's own is what was
 * built on this machine, or else what was built beforehand for machines of its kind.
 */
function find(root: string): string {
  const named = process.env['S2N_PKEY_ADDON'];
  const prebuilds = join(root, 'prebuilds');
  const candidates = named
    ? [resolve(named)]
    : [join(root, 'build', 'Release', 's2n_pkey.node'), join(prebuilds, machineKind(), 's2n_pkey.node')];
  const found = candidates.find((candidate) => existsSync(candidate));
  if (found !== undefined) return found;
  throw new S2nPkeyError(
    'ERR_S2N_PKEY_ADDON_NOT_FOUND',
    named
      ? `S2N_PKEY_ADDON names ${candidates.join()}, and there is no such file: unset it to use the package's own addon.`
      : process.platform !== 'linux'
        ? `s2n-pkey works on Linux only, and this is ${machine()}.`
        : `there is no native addon for ${machine()} (this copy of the package brings ${broughtAlong(prebuilds)}): looked for ` +
          `${candidates.join(', ')}. Build it on this machine with \`${buildCommand(root)}\`, which names what is missing for that.`,
  );
}

function machine(): string {
  const version = glibcVersion();
  return version === undefined ? machineKind() : `${machineKind()} (${version})`;
}

/** The kinds of machine that there is an addon for. */
function broughtAlong(prebuilds: string): string {
  const kinds = existsSync(prebuilds) ? readdirSync(prebuilds) : [];
  return kinds.length > 0 ? `one for ${kinds.join(', ')}` : 'none';
}

/** From a checkout, which alone has the lock file of npm, or from an installed package. */
function buildCommand(root: string): string {
  return existsSync(join(root, 'package-lock.json')) ? 'npm run build:native' : 'npx s2n-pkey build';
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
