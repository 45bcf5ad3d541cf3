import { isIP, type NetConnectOpts, type Socket } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import type { Duplex } from 'node:stream';
import { callback, milliseconds, ofNode, required, text } from '../../options/kinds.ts';
import { readOption, readOptions, type Schema, type SchemaOf } from '../../options/option.ts';
import { carrierOption, clientSocketSchema } from './client-socket-options.ts';
import {
  clientContextSchema,
  readClientContext,
  refuseUnsupportedOfClients,
  type ClientContext,
  type ClientContextOptions,
} from './client-context.ts';
import { onReadOption, type OnReadOptions } from '../socket/on-read.ts';
import { clientCertificateSchema, readRejectUnauthorized } from '../context/peer-verification.ts';
import { sessionOption, type SessionData } from '../socket/session-data.ts';

/** Checks a certificate that verifies. Returns an error to refuse it, such as if it is not for `hostname`. */
export type CheckServerIdentity = (hostname: string, certificate: PeerCertificate) => Error | undefined;

/** Options of `connect`. They include those of `net.connect`, and have the names and meanings of node:tls. */
export interface ConnectOptions extends ClientContextOptions {
  host?: string;
  port?: number | string;
  path?: string;
  /** A stream to secure instead of a new connection: an open socket, a tunnel, or any Duplex. It ends with the connection. */
  socket?: Socket | Duplex;
  /** The name to ask for (SNI, RFC 6066 §3) and to verify. Default: `host`. An address is verified, but not asked for. */
  servername?: string;
  /** Whether to refuse a server whose certificate does not verify, or is for another name. Default: true. */
  rejectUnauthorized?: boolean;
  /** Called for a certificate that verifies, inside the handshake. Default: `tls.checkServerIdentity`. */
  checkServerIdentity?: CheckServerIdentity;
  /** A session to resume, from a `'session'` event or `getSession()`. It holds secrets. */
  session?: Uint8Array;
  /** Milliseconds without traffic until `'timeout'`, as with `socket.setTimeout`. Default: none. */
  timeout?: number;
  /** Milliseconds for the handshake, including the signer. Default: 0, no limit, as in node:tls. */
  handshakeTimeout?: number;
  allowHalfOpen?: boolean;
  /** Bytes that the socket holds before `write` returns false and before it stops reading. Default: that of Node. */
  highWaterMark?: number;
  /** Reads into a given buffer instead of emitting `'data'`, as in `net.Socket`. Ignored with `socket`, as in node:tls. */
  onread?: OnReadOptions;
  /** Destroys the socket with an `AbortError` when it is aborted. */
  signal?: AbortSignal;
  lookup?: Extract<NetConnectOpts, { port: number }>['lookup'];
  family?: number;
  hints?: number;
  localAddress?: string;
  localPort?: number;
  autoSelectFamily?: boolean;
  autoSelectFamilyAttemptTimeout?: number;
  noDelay?: boolean;
  keepAlive?: boolean;
  /** Milliseconds, as in `net.connect`. Default: 0, the setting of the kernel. */
  keepAliveInitialDelay?: number;
}

export const clientSchema = {
  checkServerIdentity: callback<CheckServerIdentity>(),
  handshakeTimeout: milliseconds({ least: 0, fallback: 0 }),
} satisfies Schema;

/** Refuses NUL: C strings end there, so a different name would be asked for and verified. */
const serverNameOption = text({ expected: 'a host name, without NUL', pattern: /^[^\0]*$/, isSecret: false });

/** node:net checks its kind. */
const hostOption = {
  ...serverNameOption,
  fits: (value: unknown): boolean => typeof value !== 'string' || serverNameOption.fits(value),
};

export const connectSchema = {
  ...clientContextSchema,
  ...clientSocketSchema,
  ...clientSchema,
  servername: serverNameOption,
  host: hostOption,
  socket: carrierOption,
  rejectUnauthorized: clientCertificateSchema.rejectUnauthorized,
  session: sessionOption,
  onread: onReadOption,
  port: ofNode('number | string'),
  path: ofNode('string'),
  allowHalfOpen: ofNode('boolean'),
  lookup: ofNode('Function'),
  family: ofNode('number'),
  hints: ofNode('number'),
  localAddress: ofNode('string'),
  localPort: ofNode('number'),
  autoSelectFamily: ofNode('boolean'),
  autoSelectFamilyAttemptTimeout: ofNode('number'),
  noDelay: ofNode('boolean'),
  keepAlive: ofNode('boolean'),
  keepAliveInitialDelay: ofNode('number'),
} satisfies SchemaOf<ConnectOptions>;

/** The checked options of `connect`. */
export interface ClientSettings {
  readonly context: ClientContext;
  /** The host name or address that the certificate must match. */
  readonly hostname: string;
  /** The SNI name to send; empty for none. */
  readonly serverName: string;
  readonly rejectUnauthorized: boolean;
  readonly checkServerIdentity: CheckServerIdentity;
  /** Whether `checkServerIdentity` is the application's, so that the engine must ask about every certificate that verifies. */
  readonly asks: boolean;
  readonly session: SessionData | undefined;
  /** Milliseconds; 0 for no limit. */
  readonly handshakeTimeout: number;
  readonly wantsOcsp: boolean;
  readonly destination: Destination;
}

/** The destination that the caller asked for. node:tls adds it to the error if the peer ends the handshake. */
export interface Destination {
  readonly path: string | undefined;
  readonly host: string | undefined;
  readonly port: number | string | undefined;
  readonly localAddress: string | undefined;
}

/** @throws InvalidOptionError, naming the option; the errors of `createSecureContext`. */
export function readClientSettings(options: ConnectOptions): ClientSettings {
  refuseUnsupportedOfClients(options);
  const { servername, session } = options;
  readOption('servername', serverNameOption, servername);
  const { checkServerIdentity: check = checkServerIdentity, handshakeTimeout } = readOptions(
    clientSchema,
    options,
  );
  const { path, port, localAddress } = options;
  const host = typeof options.host === 'string' ? options.host : hostOf(options.socket);
  readOption('host', serverNameOption, host);
  const named = servername === undefined || servername === '' ? host : servername;
  const hostname = named === undefined || named === '' ? 'localhost' : named;
  const rejectUnauthorized = rejectsUnauthorized(options);
  return {
    context: readClientContext(options, rejectUnauthorized),
    hostname,
    serverName: nameToAskFor(servername ?? host ?? ''),
    rejectUnauthorized,
    checkServerIdentity: check,
    asks: check !== checkServerIdentity,
    session: readOption('session', sessionOption, session),
    handshakeTimeout,
    wantsOcsp: options.requestOCSP === true,
    destination: { path, host: options.host, port, localAddress },
  };
}

/** @throws InvalidOptionError */
export function checkServerName(option: string, name: unknown): void {
  readOption(option, required(serverNameOption), name);
}

/** As in node:tls, NODE_TLS_REJECT_UNAUTHORIZED applies if the option is absent, but not if it is present and undefined. */
export function rejectsUnauthorized(options: Pick<ConnectOptions, 'rejectUnauthorized'>): boolean {
  return Object.hasOwn(options, 'rejectUnauthorized')
    ? readRejectUnauthorized(options.rejectUnauthorized)
    : defaultRejection();
}

/** The SNI name: without a trailing dot, and empty for an address (RFC 6066 §3). */
export function nameToAskFor(name: string): string {
  return isIP(name) === 0 ? name.replace(/\.$/, '') : '';
}

/** The host that `net.connect` connected the socket to, which node:tls uses, too. */
function hostOf(socket: unknown): string | undefined {
  const host = (socket as { _host?: unknown } | undefined)?._host;
  return typeof host === 'string' ? host : undefined;
}

let warned = false;

/** As in node:tls, `NODE_TLS_REJECT_UNAUTHORIZED=0` turns verification off for the process, with a warning. */
function defaultRejection(): boolean {
  if (process.env['NODE_TLS_REJECT_UNAUTHORIZED'] !== '0') return true;
  if (!warned) {
    warned = true;
    process.emitWarning(
      "Setting the NODE_TLS_REJECT_UNAUTHORIZED environment variable to '0' makes TLS connections and HTTPS requests insecure " +
        'by disabling certificate verification.',
    );
  }
  return false;
}
