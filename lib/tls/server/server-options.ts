import { signatureLimitsOption } from '../../signers/admission/admission-of-server.ts';
import type { SignatureAdmission } from '../../signers/admission/signature-admission.ts';
import type { SignatureLimits } from '../../signers/admission/signature-limits.ts';
import { loggerOption, type Logger } from '../../observe/log/log.ts';
import { flag, fraction, milliseconds, wholeNumber } from '../../options/kinds.ts';
import { readOptions, type Schema, type SchemaOf } from '../../options/option.ts';
import { protocolsOption, type AlpnProtocols } from '../context/alpn-protocols.ts';
import {
  clientHelloSchema,
  readClientHelloOptions,
  type ClientHelloOptions,
} from '../handshake/client-hello.ts';
import { clientCertificateSchema, type ClientCertificateOptions } from '../context/peer-verification.ts';
import { secureContextSchema, type SecureContextOptions } from '../context/secure-context.ts';
import { proxyProtocolOption, type ProxyProtocolOptions } from './proxy-protocol.ts';
import type { SocketOptions } from './server-handshake.ts';
import { sessionSchema, type SessionOptions } from '../context/session-options.ts';

/** Options of `attach`. `createServer` also accepts those of `net.Server`. */
export interface TlsServerOptions
  extends SecureContextOptions, ClientCertificateOptions, SessionOptions, ClientHelloOptions {
  /** In order of preference. As in node:tls, a client that offers ALPN but none of these protocols is refused. */
  ALPNProtocols?: AlpnProtocols;
  /** Milliseconds for a handshake, including the signer's time. Default: 120,000, as in node:tls. */
  handshakeTimeout?: number;
  /**
   * Limits how many signatures clients can cause. Default: four fifths of the signer's quota for each key, or of the quota
   * of AWS KMS if the signer names none, shared by all servers of the process. false: no limit. A `LocalKeySigner` is not
   * limited.
   */
  signatureLimits?: SignatureLimits | SignatureAdmission | false;
  /** For a server behind a load balancer that sends PROXY protocol headers: where they may come from. Default: none is read. */
  proxyProtocol?: ProxyProtocolOptions;
  /** Logs what happens in this thread, as `logTo` does, while the server is open. Default: nothing is logged. */
  logger?: Logger;
  allowHalfOpen?: boolean;
  pauseOnConnect?: boolean;
  /** Bytes that a socket buffers before `write` returns false, and before it stops reading. Default: Node's. */
  highWaterMark?: number;
  /** Default: true. Records are sent without waiting for more. */
  noDelay?: boolean;
  keepAlive?: boolean;
  /** Milliseconds. */
  keepAliveInitialDelay?: number;
}

/** The options that concern a server's connections, not its certificates. */
export const serverSchema = {
  handshakeTimeout: milliseconds({ least: 1, fallback: 120_000 }),
  allowHalfOpen: flag(false),
  pauseOnConnect: flag(false),
  highWaterMark: wholeNumber({ least: 0, of: 'bytes' }),
  noDelay: flag(true),
  keepAlive: flag(false),
  keepAliveInitialDelay: { ...fraction({ least: 0, fallback: 0, of: 'milliseconds' }), takesNull: true },
} satisfies Schema;

export const tlsServerSchema = {
  ...secureContextSchema,
  ...clientCertificateSchema,
  ...sessionSchema,
  ...clientHelloSchema,
  ...serverSchema,
  ALPNProtocols: protocolsOption,
  signatureLimits: signatureLimitsOption,
  proxyProtocol: proxyProtocolOption,
  logger: loggerOption,
} satisfies SchemaOf<TlsServerOptions>;

/** @throws InvalidOptionError, naming the option. */
export function readConnectionOptions(options: TlsServerOptions): SocketOptions & {
  readonly handshakeTimeout: number;
} {
  return { ...readOptions(serverSchema, options), clientHello: readClientHelloOptions(options) };
}
