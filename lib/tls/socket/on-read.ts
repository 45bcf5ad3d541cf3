import type { Socket } from 'node:net';
import { anything, callback, required } from '../../options/kinds.ts';
import {
  isOptionsObject,
  readOption,
  readOptions,
  type Option,
  type SchemaOf,
} from '../../options/option.ts';

/** Reads into a buffer instead of emitting `'data'`, as the option `onread` of `net.Socket`. */
export interface OnReadOptions {
  /** The buffer for each read, or a function that returns one. */
  buffer: Uint8Array | (() => Uint8Array);
  /** Called after each read. If it returns false, reading pauses until `resume()`. */
  callback: (bytesWritten: number, buffer: Uint8Array) => boolean;
}

export const onReadSchema = {
  buffer: anything<Uint8Array | (() => Uint8Array)>({
    ...{ type: 'Uint8Array | Function', expected: 'a Uint8Array or a function that returns one' },
    isRequired: true,
    fits: (value) => value instanceof Uint8Array || typeof value === 'function',
  }),
  callback: required(callback<OnReadOptions['callback']>()),
} satisfies SchemaOf<OnReadOptions>;

/** Its own object is used: node:net remembers it. */
export const onReadOption: Option<OnReadOptions | undefined> = {
  type: 'object',
  expected: '{ buffer: a Uint8Array or a function that returns one, callback: a function }',
  isSecret: true,
  takesNull: true,
  members: onReadSchema,
  fits: isOptionsObject,
  read(name, value) {
    readOptions(onReadSchema, value as object, `${name}.`);
    return value as OnReadOptions;
  },
};

/** @throws InvalidOptionError, naming the option. */
export function readOnRead(value: unknown): OnReadOptions | undefined {
  return readOption('onread', onReadOption, value);
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
