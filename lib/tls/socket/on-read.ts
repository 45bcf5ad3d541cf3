import type { Socket } from 'node:net';
import { InvalidOptionError } from '../../errors.ts';

/** Where a socket puts what it reads, in place of `'data'`: as of `net.Socket`. */
export interface OnReadOptions {
  /** A buffer that each read fills anew, or what makes one before each read. */
  buffer: Uint8Array | (() => Uint8Array);
  /** Told of each read. Reading stops when it returns false, until `resume()`. */
  callback: (bytesWritten: number, buffer: Uint8Array) => boolean;
}

/** @throws InvalidOptionError. */
export function readOnRead(value: unknown): OnReadOptions | undefined {
  if (value === undefined || value === null) return undefined;
  const { buffer, callback } = value as Partial<OnReadOptions>;
  const isBuffer = buffer instanceof Uint8Array || typeof buffer === 'function';
  if (!isBuffer || typeof callback !== 'function') {
    const expected = '{ buffer: a Uint8Array or a function that returns one, callback: a function }';
    throw new InvalidOptionError('onread', expected, value);
  }
  return value as OnReadOptions;
}

/** Calls `before` ahead of each read: the stream itself is not told of one. */
export function withReadHook(
  { buffer, callback }: OnReadOptions,
  before: (socket: Socket) => void,
): OnReadOptions {
  return {
    buffer,
    callback(this: Socket, bytesWritten, filled) {
      before(this);
      return !this.destroyed && callback.call(this as never, bytesWritten, filled);
    },
  };
}
