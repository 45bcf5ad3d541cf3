import type { SignatureAdmission } from '../../signers/admission/signature-admission.ts';
import type { SignatureLimits } from '../../signers/admission/signature-limits.ts';
import { flag, fraction, milliseconds, wholeNumber } from '../../options/kinds.ts';
import { readOptions, type Schema } from '../../options/option.ts';
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

/** What concerns a server's connections, and not its certificates. */
export const serverSchema = {
  handshakeTimeout: milliseconds({ least: 1, fallback: 120_000 }),
  allowHalfOpen: flag(false),
  pauseOnConnect: flag(false),
  highWaterMark: wholeNumber({ least: 0, of: 'bytes' }),
  noDelay: flag(true),
  keepAlive: flag(false),
  keepAliveInitialDelay: { ...fraction({ least: 0, fallback: 0, of: 'milliseconds' }), takesNull: true },
} satisfies Schema;

/** @throws InvalidOptionError, naming the option. */
export function readConnectionOptions(options: TlsServerOptions): SocketOptions & {
  readonly handshakeTimeout: number;
} {
  return { ...readOptions(serverSchema, options), clientHello: readClientHelloOptions(options) };
}
