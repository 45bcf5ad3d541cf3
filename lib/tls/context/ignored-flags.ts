import { splitNodeOptions } from './key-log-file.ts';

const openssl = 'since TLS is s2n-tls and AWS-LC here, and not OpenSSL';
const fips = `has no effect on s2n-pkey, ${openssl}: pass \`securityPolicy: 'default_fips'\` for the algorithms of FIPS 140`;
const configuration = `has no effect on s2n-pkey, ${openssl}: pass \`securityPolicy\``;
const heap = 'has no effect on s2n-pkey, which locks the memory of its secrets by itself';
const floor = 'gives s2n-pkey TLS 1.2, the lowest version that it speaks';

/** Node options that affect node:tls but not this package, and why. */
export const ignoredFlags: Readonly<Record<string, string>> = {
  '--trace-tls':
    'has no effect on s2n-pkey, since s2n-tls has no trace of messages: use --tls-keylog, and decrypt a capture',
  '--tls-cipher-list': 'has no effect on s2n-pkey, since s2n-tls takes whole policies: pass `securityPolicy`',
  '--tls-min-v1.0': floor,
  '--tls-min-v1.1': floor,
  '--enable-fips': fips,
  '--force-fips': fips,
  '--enable-fips-indicator-events': fips,
  '--openssl-config': configuration,
  '--openssl-shared-config': configuration,
  '--openssl-legacy-provider': configuration,
  '--secure-heap': heap,
  '--secure-heap-min': heap,
  '--allow-openssl-store': `has no effect on s2n-pkey, ${openssl}: pass a \`signer\` for a key that is elsewhere`,
};

/** One sentence for each such option that the process was started with. */
export function warningsOfIgnoredFlags(
  nodeOptions: string | undefined,
  execArgv: readonly string[],
): string[] {
  const names = namesOfFlags(nodeOptions, execArgv);
  return Object.entries(ignoredFlags)
    .filter(([flag]) => names.includes(flag))
    .map(([flag, effect]) => `${flag} ${effect}`);
}

/** In order of precedence, without values. Node accepts underscores for hyphens. */
export function namesOfFlags(nodeOptions: string | undefined, execArgv: readonly string[]): string[] {
  const flags = [...splitNodeOptions(nodeOptions ?? ''), ...execArgv];
  return flags.map((flag) => flag.replace(/=.*$/s, '').replaceAll('_', '-'));
}

let warned = false;

/** Warns once about options of the process that affect node:tls but have no effect here. */
export function warnOfIgnoredFlags(): void {
  if (warned) return;
  warned = true;
  for (const warning of warningsOfIgnoredFlags(process.env['NODE_OPTIONS'], process.execArgv)) {
    process.emitWarning(warning, { code: 'S2N_PKEY_FLAG_IGNORED' });
  }
}
