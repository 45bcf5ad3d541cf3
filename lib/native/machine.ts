import { closeSync, openSync, readSync } from 'node:fs';

/** What decides which native addon a machine needs. */
export interface Machine {
  readonly platform: string;
  readonly arch: string;
  readonly libc: 'glibc' | 'musl';
}

/** The kinds of machine that a release has a prebuilt addon for, each in a package of its own. */
export const prebuiltKinds: readonly string[] = [
  'linux-x64-glibc',
  'linux-x64-musl',
  'linux-arm64-glibc',
  'linux-arm64-musl',
];

export function thisMachine(): Machine {
  const { platform, arch } = process;
  return { platform, arch, libc: platform === 'linux' && usesMusl() ? 'musl' : 'glibc' };
}

/**
 * The kind of machine that a native addon is built for: `linux-x64-glibc`, `linux-arm64-musl`, `darwin-arm64`. It is the name of
 * the folder in `prebuilds/`, and of the package in the scope `@s2n-pkey`, as well.
 */
export function machineKind({ platform, arch, libc } = thisMachine()): string {
  return platform === 'linux' ? `${platform}-${arch}-${libc}` : `${platform}-${arch}`;
}

/** The version of the C library in use, as in `glibc 2.36`; undefined where it is not glibc. Takes milliseconds. */
export function glibcVersion(): string | undefined {
  Object.assign(process.report, { excludeNetwork: true }); // spares it looking up the names of peers
  const report: unknown = process.report.getReport();
  if (typeof report !== 'object' || report === null || !('header' in report)) return undefined;
  const { header } = report;
  if (typeof header !== 'object' || header === null || !('glibcVersionRuntime' in header)) return undefined;
  return typeof header.glibcVersionRuntime === 'string' ? `glibc ${header.glibcVersionRuntime}` : undefined;
}

/**
 * Whether this Node is linked with musl, by the dynamic loader that its executable names in its first bytes. It names none where
 * the loader itself was started, with Node as its argument.
 */
function usesMusl(): boolean {
  try {
    const file = openSync(process.execPath, 'r');
    try {
      const buffer = Buffer.alloc(4096);
      const start = buffer.subarray(0, readSync(file, buffer));
      if (start.includes('/ld-musl-')) return true;
      return !start.includes('/ld-linux') && glibcVersion() === undefined;
    } finally {
      closeSync(file);
    }
  } catch {
    return false;
  }
}
