/** How many leading bits of an address name one peer: whoever has one address of such a network may have them all. */
export interface PrefixLengths {
  /** 0 to 32. */
  readonly ipv4Prefix: number;
  /** 0 to 128. An Internet user's network is a /64 or larger (RFC 6177). */
  readonly ipv6Prefix: number;
}

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;

/**
 * The network that an address belongs to, as a text that is the same for all addresses of it: `192.0.2.7`, `192.0.2.0/24`,
 * `2001:db8:0:1/64`. An IPv4 address that a dual-stack socket tells as IPv6 (`::ffff:192.0.2.7`, RFC 4291 §2.5.5.2) is the
 * IPv4 address. Undefined for no address: a Unix socket, or a stream that has none.
 */
export function addressPrefix(host: string, { ipv4Prefix, ipv6Prefix }: PrefixLengths): string | undefined {
  if (host === '') return undefined;
  if (!host.includes(':')) return ipv4Network(host, ipv4Prefix);
  const mapped = MAPPED.exec(host)?.[1];
  return mapped === undefined ? ipv6Network(host, ipv6Prefix) : ipv4Network(mapped, ipv4Prefix);
}

function ipv4Network(host: string, bits: number): string {
  if (bits === 32) return host;
  const address = host.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
  const size = 2 ** (32 - bits);
  const network = Math.floor(address / size) * size;
  return `${[24, 16, 8, 0].map((shift) => Math.floor(network / 2 ** shift) % 256).join('.')}/${bits}`;
}

function ipv6Network(host: string, bits: number): string {
  const groups = groupsOf(host.split('%', 1)[0] ?? '');
  const kept = groups.slice(0, Math.ceil(bits / 16));
  const partial = bits % 16;
  if (partial > 0) {
    const last = kept.length - 1;
    kept[last] = (kept[last] ?? 0) & (0xffff << (16 - partial));
  }
  return `${kept.map((group) => group.toString(16)).join(':')}/${bits}`;
}

/** The eight groups of an address as `inet_ntop` writes it (RFC 5952), the last two perhaps as IPv4. */
function groupsOf(host: string): number[] {
  const [head = '', tail] = host.split('::');
  const before = readGroups(head);
  if (tail === undefined) return before;
  const after = readGroups(tail);
  return [...before, ...Array<number>(Math.max(0, 8 - before.length - after.length)).fill(0), ...after];
}

function readGroups(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [a * 256 + b, c * 256 + d];
  });
}
