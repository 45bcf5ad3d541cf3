import type { SocketConstructorOpts } from 'node:net';
import { withReadHook, type OnReadOptions } from './on-read.ts';

/** What the socket of a client calls in its handshake. */
export interface ClientHooks {
  onDestroy(): void;
  onServername(name: string): void;
  readonly session: Uint8Array | undefined;
}

/** Options of the internal constructor of `TlsSocket`. */
export interface TlsSocketOptions {
  /** The plaintext end of the socketpair, which the socket then owns. Undefined if the handshake failed. */
  readonly fd?: number | undefined;
  readonly certificate?: string | undefined;
  readonly client?: ClientHooks;
  readonly allowHalfOpen?: boolean;
  readonly pauseOnCreate?: boolean;
  readonly highWaterMark?: number | undefined;
  readonly onread?: OnReadOptions | undefined;
}

/** The options for the constructor of `net.Socket`. `beforeRead` is called with the socket before each read. */
export function netSocketOptions(
  { fd, allowHalfOpen = false, highWaterMark, onread }: TlsSocketOptions,
  beforeRead: (socket: object) => void,
): SocketConstructorOpts {
  return {
    ...(fd === undefined ? {} : { fd, readable: true, writable: true }),
    allowHalfOpen,
    ...(highWaterMark === undefined ? {} : { highWaterMark }),
    ...(onread === undefined ? {} : { onread: withReadHook(onread, beforeRead) }),
  };
}
