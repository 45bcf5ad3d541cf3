import { isIP } from 'node:net';
import { domainToASCII } from 'node:url';
import { InvalidOptionError } from '../errors.ts';
import { group, list } from '../options/kinds.ts';
import type { Option, OptionValues, Schema } from '../options/option.ts';

/** The names a certificate is for (RFC 5280 §4.2.1.6): what clients compare with the host they asked for. */
export interface AlternativeNames {
  /** Host names; `*.` in front stands for one label (RFC 6125 §6.4.3). Unicode names are written in their ASCII form. */
  readonly dns?: readonly string[];
  /** IPv4 and IPv6 addresses. */
  readonly ip?: readonly string[];
}

export interface AlternativeName {
  readonly type: 'dns' | 'ip';
  readonly value: string;
}

export const altNamesSchema = {
  dns: list(nameOption('a host name', checkDnsName), 'an array of strings'),
  ip: list(nameOption('an IPv4 or IPv6 address', checkIpAddress), 'an array of strings'),
} satisfies Schema;

/** An entry that does not fit is named by its place, as in `altNames.dns[1]`. */
export const altNamesOption = group(
  altNamesSchema,
  "an object such as { dns: ['site.example'], ip: ['192.0.2.1'] }",
);

function nameOption(expected: string, read: (option: string, value: unknown) => string): Option<string> {
  return { type: 'string', expected, isSecret: false, fits: (value) => typeof value === 'string', read };
}

/**
 * The alternative names of a certificate, each once. Without any given, the common name is one if it is a host name or an
 * address, since clients have long stopped reading it from the subject (RFC 9525 §2).
 *
 * @throws InvalidOptionError for an address as common name that no certificate can have.
 */
export function completeAlternativeNames(
  altNames: OptionValues<typeof altNamesSchema> | undefined,
  commonName: string | undefined,
): readonly AlternativeName[] {
  if (altNames === undefined) return commonName === undefined ? [] : fromCommonName(commonName);
  const { dns, ip } = altNames;
  return [
    ...[...new Set(dns)].map((value) => ({ type: 'dns', value }) as const),
    ...[...new Set(ip)].map((value) => ({ type: 'ip', value }) as const),
  ];
}

function fromCommonName(commonName: string): readonly AlternativeName[] {
  if (isIP(commonName) !== 0) return [{ type: 'ip', value: checkIpAddress('subject.CN', commonName) }];
  const value = asciiHostName(commonName);
  return value === undefined ? [] : [{ type: 'dns', value }];
}

function checkDnsName(option: string, value: unknown): string {
  if (typeof value === 'string' && isIP(value) !== 0) {
    throw new InvalidOptionError(option, 'a host name; an address goes into altNames.ip', value);
  }
  const name = typeof value === 'string' ? asciiHostName(value) : undefined;
  if (name !== undefined) return name;
  throw new InvalidOptionError(
    option,
    "a host name of at most 253 characters, such as 'site.example' or '*.site.example' (labels of 1 to 63 letters, digits, " +
      'hyphens and underscores; no final dot, no port)',
    value,
  );
}

/**
 * RFC 1034 §3.5 as loosened by RFC 1123 §2.1; underscores, which are no part of either, are in use inside networks and taken by
 * clients. Undefined: not a host name.
 */
function asciiHostName(text: string): string | undefined {
  const wildcard = text.startsWith('*.');
  const given = wildcard ? text.slice(2) : text;
  // eslint-disable-next-line no-control-regex -- ASCII
  const host = /^[\u0000-\u007f]*$/.test(given) ? given : domainToASCII(given);
  const labels = host.split('.');
  // `*.example` would stand for a whole top-level domain: OpenSSL and browsers do not match it.
  if (host.length + (wildcard ? 2 : 0) > 253 || (wildcard && labels.length < 2)) return undefined;
  if (!labels.every((label) => /^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/.test(label)))
    return undefined;
  if (isIP(host) !== 0 || /^\d+$/.test(labels.at(-1) ?? '')) return undefined; // 1.2.3 and 1.2.3.4.5 are misspelt addresses.
  return wildcard ? `*.${host}` : host;
}

function checkIpAddress(option: string, value: unknown): string {
  const family = typeof value === 'string' ? isIP(value) : 0;
  if (typeof value !== 'string' || family === 0 || value.includes('%')) {
    throw new InvalidOptionError(
      option,
      "an IPv4 or IPv6 address without zone, such as '192.0.2.1' or '2001:db8::1'",
      value,
    );
  }
  // One way to write an IPv6 address (RFC 5952), in which an embedded IPv4 address is hexadecimal too: x509 reads no other.
  return family === 4 ? value : new URL(`http://[${value}]/`).hostname.slice(1, -1);
}
