import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { S2nPkeyError } from '../errors.ts';
import { type Machine, glibcVersion, machineKind, prebuiltKinds, thisMachine } from './machine.ts';

/** Where to look, and for which machine. */
export interface Search {
  /** The folder of the package. */
  readonly root: string;
  readonly machine?: Machine;
}

/**
 * Finds the file of the native addon, in this order:
 *
 * - the file that `S2N_PKEY_ADDON` names, such as one built with sanitizers
 * - `build/`, which a build on this machine leaves
 * - `prebuilds/`, which a package that was packed in a clone has
 * - the package of this kind of machine, an optional dependency: `@s2n-pkey/linux-x64-glibc`
 *
 * @throws S2nPkeyError `ERR_S2N_PKEY_ADDON_NOT_FOUND`, or `ERR_S2N_PKEY_ADDON_VERSION` for another version of that package
 */
export function findAddon({ root, machine = thisMachine() }: Search): string {
  const named = process.env['S2N_PKEY_ADDON'];
  if (named) return findNamed(resolve(named));
  const kind = machineKind(machine);
  const candidates = [
    join(root, 'build', 'Release', 's2n_pkey.node'),
    join(root, 'prebuilds', kind, 's2n_pkey.node'),
  ];
  const found = candidates.find((candidate) => existsSync(candidate)) ?? findInPackage(root, kind);
  if (found !== undefined) return found;
  throw notFound(
    machine.platform === 'linux'
      ? whyThereIsNone(root, machine, candidates)
      : `s2n-pkey works on Linux only, and this is ${describeMachine(machine)}.`,
  );
}

function findNamed(file: string): string {
  if (existsSync(file)) return file;
  throw notFound(
    `S2N_PKEY_ADDON names ${file}, and there is no such file: unset it to use the package's own addon.`,
  );
}

/** The addon's file in the package of this kind of machine; undefined where it is not installed. */
function findInPackage(root: string, kind: string): string | undefined {
  if (!prebuiltKinds.includes(kind)) return undefined;
  const manifest = join(root, 'package.json');
  let found: string;
  try {
    found = createRequire(manifest).resolve(`${packageOf(kind)}/package.json`);
  } catch {
    return undefined;
  }
  const [own, theirs] = [versionIn(manifest), versionIn(found)];
  if (own !== theirs) {
    throw new S2nPkeyError(
      'ERR_S2N_PKEY_ADDON_VERSION',
      `${packageOf(kind)} is version ${theirs}, and s2n-pkey is version ${own}: both must be the same. Remove overrides of the ` +
        'first, and install again.',
    );
  }
  return join(dirname(found), 's2n_pkey.node');
}

function packageOf(kind: string): string {
  return `@s2n-pkey/${kind}`;
}

function versionIn(manifest: string): string {
  const content: unknown = JSON.parse(readFileSync(manifest, 'utf8'));
  const isObject = typeof content === 'object' && content !== null;
  return isObject && 'version' in content ? String(content.version) : 'unknown';
}

function whyThereIsNone(root: string, machine: Machine, candidates: readonly string[]): string {
  const kind = machineKind(machine);
  const described = describeMachine(machine);
  const build = `build the addon on this machine with \`${buildCommand(root)}\`, which names what is missing for that.`;
  if (isCheckout(root))
    return `there is no native addon for ${described}: looked for ${candidates.join(', ')}. To have one, ${build}`;
  if (prebuiltKinds.includes(kind)) {
    return (
      `there is no native addon for ${described}${broughtAlong(root)}: the package ${packageOf(kind)}, an optional dependency of s2n-pkey, is not ` +
      `installed, nor is there ${candidates.join(' or ')}. Install again with optional dependencies ` +
      `(\`npm install --include=optional\`), or ${build}`
    );
  }
  return (
    `there is no native addon for ${described}, only for ${prebuiltKinds.join(', ')}: looked for ${candidates.join(', ')}. ` +
    `To have one, ${build}`
  );
}

/** ` (this copy of the package has one for linux-arm64-musl)`: what a clone on another kind of machine has packed. */
function broughtAlong(root: string): string {
  const prebuilds = join(root, 'prebuilds');
  const kinds = existsSync(prebuilds) ? readdirSync(prebuilds) : [];
  return kinds.length > 0 ? ` (this copy of the package has one for ${kinds.join(', ')})` : '';
}

/** From a checkout, which alone has the lock file of npm, or from an installed package. */
export function buildCommand(root: string): string {
  return isCheckout(root) ? 'npm run build:native' : 'npx s2n-pkey build';
}

function isCheckout(root: string): boolean {
  return existsSync(join(root, 'package-lock.json'));
}

/** `linux-x64-glibc (glibc 2.36)` */
export function describeMachine(machine = thisMachine()): string {
  const version = machine.libc === 'glibc' ? glibcVersion() : undefined;
  return version === undefined ? machineKind(machine) : `${machineKind(machine)} (${version})`;
}

function notFound(message: string): S2nPkeyError {
  return new S2nPkeyError('ERR_S2N_PKEY_ADDON_NOT_FOUND', message);
}
