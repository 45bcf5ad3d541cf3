import type { Socket } from 'node:net';
import { InvalidOptionError } from '../../errors.ts';

/** Reads into a buffer instead of emitting `'data'`, as the option `onread` of `net.Socket`. */
export interface OnReadOptions {
  /** The buffer for each read, or a function that returns one. */
  buffer: Uint8Array | (() => Uint8Array);
  /** Called after each read. If it returns false, reading pauses until `resume()`. */
  callback: (bytesWritten: number, buffer: Uint8Array) => boolean;
}

/** @throws InvalidOptionError, naming the option. */
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

/** Calls `before` ahead of each read, because `onread` bypasses the events of the stream. */
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
