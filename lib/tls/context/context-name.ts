import { domainToASCII } from 'node:url';
import { InvalidOptionError, S2nPkeyError } from '../../errors.ts';

/**
 * Reads the name of a context, in the form that clients send (RFC 6066 §3): lower case, A-labels. `*` may stand for the
 * whole first label (RFC 6125 §6.4.3).
 *
 * @throws S2nPkeyError `ERR_TLS_REQUIRED_SERVER_NAME` without a name, as in node:tls; InvalidOptionError for an invalid one.
 */
export function readContextName(hostname: unknown): string {
  if (hostname === undefined || hostname === null || hostname === '') {
    throw new S2nPkeyError(
      'ERR_TLS_REQUIRED_SERVER_NAME',
      'addContext: the first argument must be the name that clients ask for, such as "www.example.com" or "*.example.com"',
    );
  }
  const refuse = (): never => {
    throw new InvalidOptionError(
      'hostname',
      'a host name such as "www.example.com", or with "*" for its whole first label, such as "*.example.com"',
      hostname,
    );
  };
  if (typeof hostname !== 'string') return refuse();
  const name = hostname.endsWith('.') ? hostname.slice(0, -1) : hostname;
  if (name === '*') return name;
  const wildcard = name.startsWith('*.');
  const ascii = domainToASCII(wildcard ? name.slice(2) : name);
  if (!/^[a-z0-9_-]+(\.[a-z0-9_-]+)*$/.test(ascii)) return refuse();
  return wildcard ? `*.${ascii}` : ascii;
}
