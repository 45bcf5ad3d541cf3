import { InvalidOptionError } from '../errors.ts';

/** Versions by the names that node:tls has for them. */
export interface ProtocolVersionOptions {
  /** `'TLSv1.2'` unless given, or `'TLSv1.3'`. */
  minVersion?: 'TLSv1.2' | 'TLSv1.3';
  /** `'TLSv1.3'` unless given, or `'TLSv1.2'`. */
  maxVersion?: 'TLSv1.2' | 'TLSv1.3';
}

const versions = ['TLSv1.2', 'TLSv1.3'];

/**
 * s2n-tls has no call for versions, but policies that differ in them. These are the nearest to `default`: the first has the same
 * groups and signatures, and beside the AEAD suites those of CBC with SHA-256; the second the same suites and groups (P-521 apart).
 */
const policies: Record<string, string> = {
  'TLSv1.2 TLSv1.2': '20240501',
  'TLSv1.2 TLSv1.3': 'default',
  'TLSv1.3 TLSv1.3': 'CloudFront-TLS-1-3-2025',
};

/**
 * The policy that a pair of versions stands for; undefined where neither is given.
 *
 * @throws InvalidOptionError, naming the option.
 */
export function policyForVersions(
  options: ProtocolVersionOptions & { securityPolicy?: unknown },
): string | undefined {
  const minVersion = readVersion(options, 'minVersion');
  const maxVersion = readVersion(options, 'maxVersion');
  if (minVersion === undefined && maxVersion === undefined) return undefined;
  const given = minVersion === undefined ? 'maxVersion' : 'minVersion';
  if (options.securityPolicy !== undefined) {
    throw new InvalidOptionError(
      given,
      'nothing beside securityPolicy, which says the versions',
      options[given],
    );
  }
  const policy = policies[`${minVersion ?? 'TLSv1.2'} ${maxVersion ?? 'TLSv1.3'}`];
  if (policy === undefined) {
    throw new InvalidOptionError(
      'minVersion',
      `no later version than maxVersion (${maxVersion})`,
      minVersion,
    );
  }
  return policy;
}

function readVersion(
  options: ProtocolVersionOptions,
  name: keyof ProtocolVersionOptions,
): string | undefined {
  const version: unknown = options[name];
  if (version === undefined || version === null) return undefined;
  if (typeof version === 'string' && versions.includes(version)) return version;
  const old = version === 'TLSv1' || version === 'TLSv1.1';
  throw new InvalidOptionError(
    name,
    `'TLSv1.2' or 'TLSv1.3'${old ? ' (older versions sign with SHA-1, which no KMS makes)' : ''}`,
    version,
  );
}
