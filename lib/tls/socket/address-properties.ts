import type { Address, ProxyHeaderFacts } from '../../native/events.ts';
import { defineProxyProtocol } from './proxy-header.ts';

/** The two ends of the TCP connection behind a socket. */
export interface Ends {
  readonly remote: Address;
  readonly local: Address;
  readonly proxy?: ProxyHeaderFacts | undefined;
}

/**
 * Defines `remoteAddress`, `remotePort`, `remoteFamily`, the local ones and `address()` on a class, as `net.Socket` has them; and `proxyProtocol`.
 * TypeScript declares them as properties of net.Socket, which a subclass cannot override by accessors.
 */
export function defineAddresses(prototype: object, endsOf: (socket: unknown) => Ends): void {
  for (const end of ['remote', 'local'] as const) {
    const define = (name: string, read: (address: Address) => unknown): void => {
      const get = function (this: unknown): unknown {
        return read(endsOf(this)[end]);
      };
      Object.defineProperty(prototype, `${end}${name}`, { get, configurable: true, enumerable: true });
    };
    define('Address', ({ host }) => host || undefined);
    define('Port', ({ family, port }) => (family === 0 ? undefined : port));
    define('Family', ({ family }) => (family === 0 ? undefined : `IPv${family}`));
  }
  const value = function (this: unknown): object {
    const { host: address, port, family } = endsOf(this).local;
    return family === 0 ? {} : { address, port, family: `IPv${family}` };
  };
  defineProxyProtocol(prototype, (socket) => endsOf(socket).proxy);
  Object.defineProperty(prototype, 'address', { value, configurable: true, writable: true });
}
