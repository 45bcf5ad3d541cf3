import { splitNodeOptions } from './key-log-file.ts';

const ignored: readonly [RegExp, string][] = [
  [
    /^--trace[-_]tls$/,
    '--trace-tls has no effect on s2n-pkey, since s2n-tls has no trace of messages: use --tls-keylog, and decrypt a capture',
  ],
  [
    /^--tls[-_]cipher[-_]list(=|$)/,
    '--tls-cipher-list has no effect on s2n-pkey, since s2n-tls takes whole policies: pass `securityPolicy`',
  ],
];

let warned = false;

/** Warns once of options that the process was started with, hold in node:tls, and have no effect here. */
export function warnOfIgnoredFlags(): void {
  if (warned) return;
  warned = true;
  const flags = [...splitNodeOptions(process.env['NODE_OPTIONS'] ?? ''), ...process.execArgv];
  for (const [flag, warning] of ignored) {
    if (flags.some((it) => flag.test(it))) process.emitWarning(warning, { code: 'S2N_PKEY_FLAG_IGNORED' });
  }
}
