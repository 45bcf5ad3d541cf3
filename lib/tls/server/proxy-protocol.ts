import { isIPv4, isIPv6 } from 'node:net';
import { addon } from '../../native/addon.ts';
import type { NativeProxyPolicy } from '../../native/binding.ts';
import { flag, group, list, required, text } from '../../options/kinds.ts';
import { readOption, refusal, type Option, type SchemaOf } from '../../options/option.ts';
import { addressPrefix } from '../../signers/admission/address-prefix.ts';

/** For a server behind a load balancer that sends PROXY protocol headers (version 1 or 2). */
export interface ProxyProtocolOptions {
  /**
   * The balancers: addresses, networks such as `10.0.0.0/8`, or `unix` for connections without an address. A header from
   * elsewhere ends its connection.
   */
  from: readonly string[];
  /** Default: true. Each connection must begin with a header. False: one without a header is its client's own. */
  required?: boolean;
}

const expectedNetwork = "an address, a network such as '10.0.0.0/8', or 'unix'";

function isNetwork(value: unknown): boolean {
  if (value === 'unix') return true;
  if (typeof value !== 'string') return false;
  const [address = '', bits, ...rest] = value.split('/');
  const longest = isIPv4(address) ? 32 : isIPv6(address) && !address.includes('%') ? 128 : undefined;
  if (longest === undefined || rest.length > 0) return false;
  return bits === undefined || (/^(0|[1-9]\d{0,2})$/.test(bits) && Number(bits) <= longest);
}

/** Refuses a network whose address has bits beyond its prefix: one of the two is a mistake. */
function readNetwork(name: string, value: unknown): string {
  const network = value as string;
  const [address = '', bits] = network.split('/');
  if (bits === undefined) return network;
  const prefix = (ipv4Prefix: number, ipv6Prefix: number): string | undefined =>
    addressPrefix(address, { ipv4Prefix, ipv6Prefix })?.split('/')[0];
  const isMapped = address.includes(':') && address.includes('.');
  if (isMapped || padded(prefix(Number(bits), Number(bits))) === padded(prefix(32, 128))) return network;
  throw refusal(name, { expected: `no address bits beyond the first ${bits}`, isSecret: false }, value);
}

/** The text of a network of IPv6 has only as many groups as its prefix. */
function padded(prefix = ''): string {
  if (!prefix.includes(':') && prefix.includes('.')) return prefix;
  const groups = prefix.split(':').filter((each) => each !== '');
  return [...groups, ...Array<string>(Math.max(0, 8 - groups.length)).fill('0')].join(':');
}

const network: Option<string> = {
  ...text({ expected: expectedNetwork, isSecret: false }),
  isRequired: true,
  fits: isNetwork,
  read: readNetwork,
} as Option<string>;

export const proxyProtocolSchema = {
  from: required(list(network, `a list with at least one of: ${expectedNetwork}`, 1)),
  required: flag(true),
} satisfies SchemaOf<ProxyProtocolOptions>;

export const proxyProtocolOption = {
  ...group(proxyProtocolSchema, "an object such as { from: ['10.0.0.0/8'] }"),
  takesNull: true,
};

/** @throws InvalidOptionError, naming the option. Undefined: the server does not read headers. */
export function readProxyProtocol(value: unknown): NativeProxyPolicy | undefined {
  const options = readOption('proxyProtocol', proxyProtocolOption, value);
  return options && new (addon().ProxyPolicy)([...options.from], options.required);
}
