import { closeSync, openSync, readSync } from 'node:fs';

/**
 * The kind of machine that a native addon is built for: `linux-x64-glibc`, `linux-arm64-musl`, `darwin-arm64`. It is the name of
 * the folder in `prebuilds/` as well.
 */
export function machineKind(): string {
  const kind = `${process.platform}-${process.arch}`;
  return process.platform === 'linux' ? `${kind}-${usesMusl() ? 'musl' : 'glibc'}` : kind;
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

/** Whether this Node is linked with musl, by the dynamic loader that its executable names in its first bytes. */
function usesMusl(): boolean {
  try {
    const file = openSync(process.execPath, 'r');
    try {
      const start = Buffer.alloc(4096);
      return start.subarray(0, readSync(file, start)).includes('/ld-musl-');
    } finally {
      closeSync(file);
    }
  } catch {
    return false;
  }
}
