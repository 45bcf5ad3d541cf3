import type { Duplex } from 'node:stream';
import type { Address } from '../../native/events.ts';

/**
 * What carries a TLS connection where Node knows of it too: a socket or a stream that was given to the server, in place of a
 * descriptor that the server accepted. It lives as long as the connection, and each ends with the other.
 */
export interface Transport {
  /** For the engine, which takes a duplicate. */
  readonly fd: number;
  /** Where the descriptor has no addresses of its own. */
  readonly remote: Address;
  readonly local: Address;
  /** Whether the stream, as it was given, goes on when its peer has ended. The TLS socket does as it does. */
  readonly allowHalfOpen: boolean;
  readonly stream: Duplex;
  /** Calls `begin` once what was written to the stream before has left. It does not if the stream is lost before that. */
  whenReady(begin: () => void): void;
  /** The engine has its duplicate. */
  taken(): void;
  /** TLS is done with it. */
  release(): void;
  /** Calls `listener` if it ends before it was released; `error`: what broke it. */
  onLost(listener: (error: Error | undefined) => void): void;
}

/** The addresses that a stream tells of itself. */
export interface Addressed {
  readonly remoteAddress?: string | undefined;
  readonly remotePort?: number | undefined;
  readonly localAddress?: string | undefined;
  readonly localPort?: number | undefined;
}

export function remoteOf({ remoteAddress, remotePort }: Addressed): Address {
  return toAddress(remoteAddress, remotePort);
}

export function localOf({ localAddress, localPort }: Addressed): Address {
  return toAddress(localAddress, localPort);
}

function toAddress(host: unknown, port: unknown): Address {
  if (typeof host !== 'string' || typeof port !== 'number') return { host: '', port: 0, family: 0 };
  return { host, port, family: host.includes(':') ? 6 : 4 };
}
