import type { SocketConstructorOpts } from 'node:net';
import { withReadHook, type OnReadOptions } from './on-read.ts';

/** What a client's socket asks of its handshake. */
export interface ClientHooks {
  onDestroy(): void;
  onServername(name: string): void;
  readonly session: Uint8Array | undefined;
}

/** How the package makes a `TlsSocket`. */
export interface TlsSocketOptions {
  /** The plaintext end, which the socket then owns. None for a connection whose handshake failed. */
  readonly fd?: number | undefined;
  readonly certificate?: string | undefined;
  readonly client?: ClientHooks;
  readonly allowHalfOpen?: boolean;
  readonly pauseOnCreate?: boolean;
  readonly highWaterMark?: number | undefined;
  readonly onread?: OnReadOptions | undefined;
}

/** What of it `net.Socket` is told; `beforeRead` is called with the socket. */
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
