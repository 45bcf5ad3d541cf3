import type { Duplex } from 'node:stream';
import { abortSignal, anything, milliseconds, wholeNumber } from '../../options/kinds.ts';
import { readOption, readOptions, type Schema } from '../../options/option.ts';
import { readOnRead, type OnReadOptions } from '../socket/on-read.ts';

/** Options of `connect` that concern the socket, not TLS. */
export interface ClientSocketOptions {
  readonly allowHalfOpen: boolean;
  readonly highWaterMark: number | undefined;
  /** The stream below the connection; undefined to open a TCP connection. */
  readonly carrier: Duplex | undefined;
  readonly onread: OnReadOptions | undefined;
  readonly signal: AbortSignal | undefined;
  /** Milliseconds; 0 for none. */
  readonly timeout: number;
}

export const clientSocketSchema = {
  highWaterMark: wholeNumber({ least: 0, of: 'bytes' }),
  signal: { ...abortSignal, takesNull: true },
  timeout: milliseconds({ least: 0, fallback: 0 }),
} satisfies Schema;

/** @throws InvalidOptionError, naming the option. */
export function readClientSocketOptions(options: {
  readonly onread?: unknown;
  readonly socket?: unknown;
  readonly allowHalfOpen?: unknown;
}): ClientSocketOptions {
  const onread = readOnRead(options.onread);
  const carrier = readCarrier(options.socket);
  return {
    ...readOptions(clientSocketSchema, options),
    carrier,
    allowHalfOpen: options.allowHalfOpen === true,
    onread: carrier ? undefined : onread, // as node:tls documents it
  };
}

/** Undefined if the option is null, false or empty, as in node:tls. */
function readCarrier(value: unknown): Duplex | undefined {
  return value ? readOption('socket', carrierOption, value) : undefined;
}

export const carrierOption = anything<Duplex | undefined>({
  type: 'stream.Duplex',
  expected: 'a net.Socket or another Duplex',
  fits: isDuplex,
});

/** Checks the methods, because a stream may come from another copy of `readable-stream`. */
function isDuplex(value: unknown): boolean {
  return ['once', 'write', 'read', 'destroy'].every(
    (name) => typeof (value as Readonly<Record<string, unknown>>)[name] === 'function',
  );
}
