import type { Duplex } from 'node:stream';
import type { Address } from '../../native/events.ts';

/**
 * The socket or stream below a TLS connection, if the application passed one instead of letting the server accept a
 * descriptor. It lives as long as the connection: if one of them ends, so does the other.
 */
export interface Transport {
  /** The descriptor for the engine, which duplicates it. */
  readonly fd: number;
  /** The addresses to report if the descriptor itself has none. */
  readonly remote: Address;
  readonly local: Address;
  /** The stream's own `allowHalfOpen`, which the TLS socket takes over. */
  readonly allowHalfOpen: boolean;
  readonly stream: Duplex;
  /** Calls `begin` once all earlier writes to the stream are sent. It does not call it if the stream is destroyed first. */
  whenReady(begin: () => void): void;
  /** The engine has duplicated the descriptor. */
  taken(): void;
  /** TLS no longer needs the stream: ends and destroys it. */
  release(): void;
  /** Calls `listener` if the stream closes before `release`. `error` is the cause, if there is one. */
  onLost(listener: (error: Error | undefined) => void): void;
}

/** The addresses that a stream exposes. */
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
