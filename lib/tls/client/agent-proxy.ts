import { isIPv4 } from 'node:net';
import { InvalidOptionError } from '../../errors.ts';

/** The proxy of an agent's https requests, as Node's own agents read it from their option `proxyEnv`. */
export interface AgentProxy {
  readonly secure: boolean;
  readonly host: string;
  readonly port: number;
  /** The URL without its password, for messages. */
  readonly href: string;
  /** The value of the `proxy-authorization` header; undefined for none. */
  readonly authorization: string | undefined;
  /** Whether requests for this host use the proxy. */
  serves(host: string, port: number | string | undefined): boolean;
}

/** @throws InvalidOptionError, whose message omits the URL, because it may contain a password. */
export function readProxyEnv(proxyEnv: unknown): AgentProxy | undefined {
  if (typeof proxyEnv !== 'object' || proxyEnv === null) return undefined;
  const env = proxyEnv as Readonly<Record<string, string | undefined>>;
  // By convention, the variable in lower case takes precedence.
  const value = (...names: string[]): string => names.map((name) => env[name] ?? '').find(Boolean) ?? '';
  const text = value('https_proxy', 'HTTPS_PROXY');
  if (!/^https?:\/\//.test(text)) return undefined;
  let url: URL;
  try {
    if (/[\r\n]/.test(text)) throw new Error('a line break');
    url = new URL(text);
  } catch {
    throw new InvalidOptionError('proxyEnv', 'an https_proxy that is a URL', 'another text');
  }
  const { hostname, port, username, password, protocol } = url;
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  url.username = '';
  url.password = '';
  const secure = protocol === 'https:';
  const exceptions = value('no_proxy', 'NO_PROXY')
    .split(',')
    .map((it) => it.trim().toLowerCase());
  return {
    secure,
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? (secure ? 443 : 80) : Number(port),
    href: url.href,
    authorization: credentials === ':' ? undefined : `Basic ${Buffer.from(credentials).toString('base64')}`,
    serves: (name, targetPort) => !exceptions.some((entry) => isFor(entry, name.toLowerCase(), targetPort)),
  };
}

/** Whether an entry of `no_proxy` matches this host, by the rules of Node. */
function isFor(entry: string, host: string, port: number | string | undefined): boolean {
  if (entry === '') return false;
  if (entry === '*' || entry === host || (port && entry === `${host}:${port}`)) return true;
  if (entry.startsWith('.') && (host === entry.slice(1) || host.endsWith(entry))) return true;
  if (entry.startsWith('*.') && host.endsWith(entry.slice(1))) return true;
  const [first = '', last = ''] = entry.split('-').map((it) => it.trim());
  if (!isIPv4(host) || !isIPv4(first) || !isIPv4(last)) return false;
  return numberOf(first) <= numberOf(host) && numberOf(host) <= numberOf(last);
}

function numberOf(address: string): number {
  return address.split('.').reduce((sum, part) => sum * 256 + Number(part), 0);
}
