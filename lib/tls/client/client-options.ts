import { isIP, type NetConnectOpts, type Socket } from 'node:net';
import { checkServerIdentity, type PeerCertificate } from 'node:tls';
import type { Duplex } from 'node:stream';
import { InvalidOptionError } from '../../errors.ts';
import { callback, milliseconds } from '../../options/kinds.ts';
import { readOptions, type Schema } from '../../options/option.ts';
import {
  readClientContext,
  refuseUnsupportedOfClients,
  type ClientContext,
  type ClientContextOptions,
} from './client-context.ts';
import type { OnReadOptions } from '../socket/on-read.ts';
import { readRejectUnauthorized } from '../context/peer-verification.ts';
import { decodeSession, type SessionData } from '../socket/session-data.ts';

/** Judges a certificate that verifies: returns an error if it is not for `hostname`. */
export type CheckServerIdentity = (hostname: string, certificate: PeerCertificate) => Error | undefined;

/** Options of `connect`, with those of `net.connect`; names and meanings are node:tls's. */
export interface ConnectOptions extends ClientContextOptions {
  host?: string;
  port?: number | string;
  path?: string;
  /** A stream to secure, in place of a connection of its own: an open socket, a tunnel, any Duplex. */
  socket?: Socket | Duplex;
  /** The name to ask for (SNI) and to verify; `host` unless given. */
  servername?: string;
  /** Whether a server whose certificate does not verify, or is for another name, is refused. True unless given. */
  rejectUnauthorized?: boolean;
  checkServerIdentity?: CheckServerIdentity;
  /** A session to resume: what a `'session'` event or `getSession()` gave. */
  session?: Uint8Array;
  /** Milliseconds without traffic until `'timeout'`, as of `socket.setTimeout`. */
  timeout?: number;
  /** Milliseconds until a handshake, the signer's time included, must be done; none unless given, as in node:tls. */
  handshakeTimeout?: number;
  allowHalfOpen?: boolean;
  /** Bytes that the socket holds before `write` returns false, and before it stops reading. Node's default unless given. */
  highWaterMark?: number;
  /** Takes what is read in place of `'data'`, as in `net.Socket`; ignored with a `socket`, as in node:tls. */
  onread?: OnReadOptions;
  /** Destroys the socket with an `AbortError`, whenever it is aborted. */
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
  /** Milliseconds. */
  keepAliveInitialDelay?: number;
}

export const clientSchema = {
  checkServerIdentity: callback<CheckServerIdentity>(),
  handshakeTimeout: milliseconds({ least: 0, fallback: 0 }),
} satisfies Schema;

/** What `connect` makes of its options. */
export interface ClientSettings {
  readonly context: ClientContext;
  /** Whom the certificate must be for. */
  readonly hostname: string;
  /** SNI; empty: none. */
  readonly serverName: string;
  readonly rejectUnauthorized: boolean;
  readonly checkServerIdentity: CheckServerIdentity;
  /** Whether it is the user's own, which is asked about every certificate that verifies. */
  readonly asks: boolean;
  readonly session: SessionData | undefined;
  /** Milliseconds; 0: none. */
  readonly handshakeTimeout: number;
  readonly wantsOcsp: boolean;
  readonly destination: Destination;
}

/** Where a connection was to lead, as node:tls says it in the error of a handshake that the peer ended. */
export interface Destination {
  readonly path: string | undefined;
  readonly host: string | undefined;
  readonly port: number | string | undefined;
  readonly localAddress: string | undefined;
}

/** @throws InvalidOptionError, naming the option; and as `createSecureContext`. */
export function readClientSettings(options: ConnectOptions): ClientSettings {
  refuseUnsupportedOfClients(options);
  const { servername, session } = options;
  if (servername !== undefined) checkServerName('servername', servername);
  const { checkServerIdentity: check = checkServerIdentity, handshakeTimeout } = readOptions(
    clientSchema,
    options,
  );
  const { path, port, localAddress } = options;
  const host = typeof options.host === 'string' ? options.host : hostOf(options.socket);
  if (host !== undefined) checkServerName('host', host);
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
    session: session === undefined || session === null ? undefined : decodeSession(session),
    handshakeTimeout,
    wantsOcsp: options.requestOCSP === true,
    destination: { path, host: options.host, port, localAddress },
  };
}

/** C strings end at a NUL, so that another name than the one given would be asked for and verified. */
export function checkServerName(option: string, name: unknown): void {
  if (typeof name !== 'string' || name.includes('\0')) {
    throw new InvalidOptionError(option, 'a host name, without NUL', name);
  }
}

/** As in node:tls, the process is asked where the key is missing, and not where it is there and undefined. */
export function rejectsUnauthorized(options: Pick<ConnectOptions, 'rejectUnauthorized'>): boolean {
  return Object.hasOwn(options, 'rejectUnauthorized')
    ? readRejectUnauthorized(options.rejectUnauthorized)
    : defaultRejection();
}

/** A name may be asked for, an address may not (RFC 6066 §3); and no dot at its end. */
export function nameToAskFor(name: string): string {
  return isIP(name) === 0 ? name.replace(/\.$/, '') : '';
}

/** node:tls remembers the host of a socket that it connected. */
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
