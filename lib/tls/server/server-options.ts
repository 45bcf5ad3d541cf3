import type { SignatureAdmission } from '../../signers/admission/signature-admission.ts';
import type { SignatureLimits } from '../../signers/admission/signature-limits.ts';
import { InvalidOptionError } from '../../errors.ts';
import type { AlpnProtocols } from '../context/alpn-protocols.ts';
import { readClientHelloOptions, type ClientHelloOptions } from '../handshake/client-hello.ts';
import type { ClientCertificateOptions } from '../context/peer-verification.ts';
import type { SecureContextOptions } from '../context/secure-context.ts';
import type { SocketOptions } from './server-handshake.ts';
import type { SessionOptions } from '../context/session-options.ts';

/** Options of `attach`, and with `net.Server`'s own those of `createServer`. */
export interface TlsServerOptions
  extends SecureContextOptions, ClientCertificateOptions, SessionOptions, ClientHelloOptions {
  /** In order of preference. A client that offers ALPN and shares none of them is refused, as in node:tls. */
  ALPNProtocols?: AlpnProtocols;
  /** Milliseconds until a handshake, the signer's time included, must be done; 120,000 as in node:tls. */
  handshakeTimeout?: number;
  /**
   * How many signatures this server's clients can have it ask for. Unless given, each key is limited to four fifths of its
   * signer's quota (of that of AWS KMS, where the signer names none), all servers of the process together. false: no limit. A
   * `LocalKeySigner` is not limited.
   */
  signatureLimits?: SignatureLimits | SignatureAdmission | false;
  allowHalfOpen?: boolean;
  pauseOnConnect?: boolean;
  /** Bytes that a socket holds before `write` returns false, and before it stops reading. Node's default unless given. */
  highWaterMark?: number;
  /** True unless given: records leave as they are made. */
  noDelay?: boolean;
  keepAlive?: boolean;
  /** Milliseconds. */
  keepAliveInitialDelay?: number;
}

export const DEFAULT_HANDSHAKE_TIMEOUT = 120_000;
const LONGEST_TIMEOUT = 2 ** 31 - 1;

export function readHandshakeTimeout(value: unknown): number {
  if (value === undefined) return DEFAULT_HANDSHAKE_TIMEOUT;
  if (typeof value !== 'number' || !Number.isInteger(value) || value < 1 || value > LONGEST_TIMEOUT) {
    throw new InvalidOptionError(
      'handshakeTimeout',
      `a whole number of milliseconds from 1 to ${LONGEST_TIMEOUT}`,
      value,
    );
  }
  return value;
}

export function readSocketOptions(options: TlsServerOptions): SocketOptions {
  const flag = (name: keyof TlsServerOptions, fallback: boolean): boolean => {
    const value: unknown = options[name];
    if (value === undefined) return fallback;
    if (typeof value !== 'boolean') throw new InvalidOptionError(name, 'true or false', value);
    return value;
  };
  const delay: unknown = options.keepAliveInitialDelay ?? 0;
  if (typeof delay !== 'number' || !(delay >= 0)) {
    throw new InvalidOptionError('keepAliveInitialDelay', 'a number of milliseconds, 0 or more', delay);
  }
  return {
    allowHalfOpen: flag('allowHalfOpen', false),
    pauseOnConnect: flag('pauseOnConnect', false),
    highWaterMark: readHighWaterMark(options.highWaterMark),
    noDelay: flag('noDelay', true),
    keepAlive: flag('keepAlive', false),
    keepAliveInitialDelay: delay,
    clientHello: readClientHelloOptions(options),
  };
}

export function readHighWaterMark(value: unknown): number | undefined {
  if (value === undefined || (typeof value === 'number' && Number.isInteger(value) && value >= 0))
    return value;
  throw new InvalidOptionError('highWaterMark', 'a whole number of bytes, 0 or more', value);
}
