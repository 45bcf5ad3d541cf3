import { InvalidOptionError } from '../../errors.ts';
import { readTimeout, type ConnectOptions } from './client-options.ts';
import { readOnRead, type OnReadOptions } from '../socket/on-read.ts';
import { readHighWaterMark } from '../server/server-options.ts';

/** What concerns a client's socket, and not TLS. */
export interface ClientSocketOptions {
  readonly allowHalfOpen: boolean;
  readonly highWaterMark: number | undefined;
  readonly onread: OnReadOptions | undefined;
  readonly signal: AbortSignal | undefined;
  /** Milliseconds; 0: none. */
  readonly timeout: number;
}

/** @throws InvalidOptionError, naming the option. */
export function readClientSocketOptions(options: ConnectOptions): ClientSocketOptions {
  const onread = readOnRead(options.onread);
  return {
    allowHalfOpen: options.allowHalfOpen === true,
    highWaterMark: readHighWaterMark(options.highWaterMark),
    onread: options.socket ? undefined : onread, // as node:tls documents it
    signal: readSignal(options.signal),
    timeout: readTimeout('timeout', options.timeout),
  };
}

function readSignal(value: unknown): AbortSignal | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'object' || !('aborted' in value)) {
    throw new InvalidOptionError('signal', 'an AbortSignal', value);
  }
  return value as AbortSignal;
}
