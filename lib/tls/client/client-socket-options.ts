import type { Duplex } from 'node:stream';
import { InvalidOptionError } from '../../errors.ts';
import { readTimeout, type ConnectOptions } from './client-options.ts';
import { readOnRead, type OnReadOptions } from '../socket/on-read.ts';
import { readHighWaterMark } from '../server/server-options.ts';

/** What concerns a client's socket, and not TLS. */
export interface ClientSocketOptions {
  readonly allowHalfOpen: boolean;
  readonly highWaterMark: number | undefined;
  /** What is to carry the connection; undefined: a TCP connection of its own. */
  readonly carrier: Duplex | undefined;
  readonly onread: OnReadOptions | undefined;
  readonly signal: AbortSignal | undefined;
  /** Milliseconds; 0: none. */
  readonly timeout: number;
}

/** @throws InvalidOptionError, naming the option. */
export function readClientSocketOptions(options: ConnectOptions): ClientSocketOptions {
  const onread = readOnRead(options.onread);
  const carrier = readCarrier(options.socket);
  return {
    carrier,
    allowHalfOpen: options.allowHalfOpen === true,
    highWaterMark: readHighWaterMark(options.highWaterMark),
    onread: carrier ? undefined : onread, // as node:tls documents it
    signal: readSignal(options.signal),
    timeout: readTimeout('timeout', options.timeout),
  };
}

/** None where it is null, false or empty, as in node:tls. */
function readCarrier(value: unknown): Duplex | undefined {
  if (!value) return undefined;
  if (!isDuplex(value)) throw new InvalidOptionError('socket', 'a net.Socket or another Duplex', value);
  return value;
}

/** By its methods, since streams come from other copies of `readable-stream`, too. */
function isDuplex(value: object): value is Duplex {
  return ['once', 'write', 'read', 'destroy'].every(
    (name) => typeof (value as Readonly<Record<string, unknown>>)[name] === 'function',
  );
}

function readSignal(value: unknown): AbortSignal | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'object' || !('aborted' in value)) {
    throw new InvalidOptionError('signal', 'an AbortSignal', value);
  }
  return value as AbortSignal;
}
