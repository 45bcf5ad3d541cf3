// The kinds of machine that a release has an addon for.

/**
 * @typedef {object} Target
 * @property {string} kind as `machineKind` of lib/native/machine.ts names it: `linux-arm64-musl`
 * @property {'x64' | 'arm64'} cpu as npm and `process.arch` name it
 * @property {'glibc' | 'musl'} libc
 * @property {string} machine as compilers name it: `aarch64`
 */

const machines = { x64: 'x86_64', arm64: 'aarch64' };

/** @type {Target[]} */
export const targets = Object.entries(machines).flatMap(([cpu, machine]) =>
  ['glibc', 'musl'].map((libc) => ({ kind: `linux-${cpu}-${libc}`, cpu, libc, machine })),
);

/** Whether this machine runs programs for a target's processor by itself; others need qemu. */
export function isNative(target) {
  return target.cpu === process.arch;
}
