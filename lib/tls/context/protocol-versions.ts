import tls from 'node:tls';
import { choice } from '../../options/kinds.ts';
import { readOption, type Option, type SchemaOf } from '../../options/option.ts';

export type ProtocolVersion = 'TLSv1.2' | 'TLSv1.3';

/** Protocol versions, with node:tls's names. */
export interface ProtocolVersionOptions {
  /** Default: `tls.DEFAULT_MIN_VERSION`, but at least `'TLSv1.2'`. It narrows the versions of a security policy. */
  minVersion?: ProtocolVersion;
  /** Default: `tls.DEFAULT_MAX_VERSION`. */
  maxVersion?: ProtocolVersion;
}

export interface VersionRange {
  readonly minVersion: ProtocolVersion;
  readonly maxVersion: ProtocolVersion;
}

const versionOption: Option<ProtocolVersion | undefined> = {
  ...choice(['TLSv1.2', 'TLSv1.3']),
  takesNull: true,
};

export const versionSchema = {
  minVersion: versionOption,
  maxVersion: versionOption,
} satisfies SchemaOf<ProtocolVersionOptions>;

const olderVersions: readonly unknown[] = ['TLSv1', 'TLSv1.1'];

/**
 * The versions in the options; undefined if not given.
 *
 * @throws InvalidOptionError, naming the option.
 */
export function readVersions(options: ProtocolVersionOptions): {
  readonly minVersion: ProtocolVersion | undefined;
  readonly maxVersion: ProtocolVersion | undefined;
} {
  return {
    minVersion: readVersion('minVersion', options.minVersion),
    maxVersion: readVersion('maxVersion', options.maxVersion),
  };
}

/**
 * The process's defaults: `tls.DEFAULT_MIN_VERSION` and `tls.DEFAULT_MAX_VERSION`, which programs assign and flags such as
 * `--tls-min-v1.3` set. It reads Node's own object, because a module's imported names do not see assignments.
 *
 * @throws InvalidOptionError, naming the property.
 */
export function processVersions(): VersionRange {
  const { DEFAULT_MIN_VERSION: lowest, DEFAULT_MAX_VERSION: highest } = tls;
  return {
    minVersion: isOlder(lowest) ? 'TLSv1.2' : (readVersion('tls.DEFAULT_MIN_VERSION', lowest) ?? 'TLSv1.2'),
    maxVersion: readVersion('tls.DEFAULT_MAX_VERSION', highest) ?? 'TLSv1.3',
  };
}

/** The higher of two versions; an absent one is the lower. */
export function highest(
  one: ProtocolVersion,
  other: ProtocolVersion | undefined = 'TLSv1.2',
): ProtocolVersion {
  return one > other ? one : other;
}

/** The lower of two versions; an absent one is the higher. */
export function lowest(
  one: ProtocolVersion,
  other: ProtocolVersion | undefined = 'TLSv1.3',
): ProtocolVersion {
  return one < other ? one : other;
}

function isOlder(value: unknown): boolean {
  return olderVersions.includes(value);
}

function readVersion(name: string, version: unknown): ProtocolVersion | undefined {
  const why = isOlder(version) ? ' (older versions sign with SHA-1, which no KMS makes)' : '';
  return readOption(name, { ...versionOption, expected: `${versionOption.expected}${why}` }, version);
}
