import { connect as connectTcp, type NetConnectOpts, type Socket } from 'node:net';
import { InvalidOptionError } from '../../errors.ts';
import { refuseUnsupportedOfClients } from './client-context.ts';
import { flag, milliseconds, ofNode, wholeNumber } from '../../options/kinds.ts';
import { readOptions, without, type Schema, type SchemaOf } from '../../options/option.ts';
import { connectSchema, type ConnectOptions } from './client-options.ts';
import { connect } from './connect.ts';
import { connectionError } from '../socket/connection-error.ts';
import { checkNode } from '../node/supported-node.ts';
import type { TlsSocket } from '../socket/tls-socket.ts';

/** A connection that undici asks a connector for. */
export interface ConnectorRequest {
  hostname: string;
  host?: string;
  protocol: string;
  port: string;
  servername?: string | null;
  localAddress?: string | null;
  httpSocket?: Socket;
}

export type ConnectorCallback = (error: Error | null, socket: TlsSocket | Socket | null) => void;

export interface ConnectorOptions extends Omit<ConnectOptions, 'host' | 'port' | 'socket' | 'timeout'> {
  /** Milliseconds for the connection, including its handshake; 0 for no limit. Default: 10,000, as in undici. */
  timeout?: number | null;
  /** How many sessions to keep for resumption. Default: 100, as in undici. */
  maxCachedSessions?: number | null;
  /** A Unix socket to connect to instead of the host and port of the request. */
  socketPath?: string | null;
  /** Whether to offer HTTP/2 by ALPN. Default: false. */
  allowH2?: boolean;
}

/** The defaults are those of undici. */
const ownSchema = {
  timeout: { ...milliseconds({ least: 0, fallback: 10_000 }), takesNull: true },
  maxCachedSessions: { ...wholeNumber({ least: 0, fallback: 100 }), takesNull: true },
  allowH2: flag(false),
  socketPath: { ...ofNode<string>('string'), takesNull: true },
} satisfies Schema;

export const connectorSchema = {
  ...without(connectSchema, 'host', 'port', 'socket'),
  ...ownSchema,
} satisfies SchemaOf<ConnectorOptions>;

/**
 * Creates a connector for undici, like its own `buildConnector`:
 * `new undici.Agent({ connect: buildConnector({ cert, signer, ca }) })`. Requests of this dispatcher, and `fetch` with it, use a
 * client certificate whose key the signer holds. The connector resumes sessions.
 *
 * @throws InvalidOptionError, naming the option.
 */
export function buildConnector(
  options: ConnectorOptions = {},
): (request: ConnectorRequest, callback: ConnectorCallback) => void {
  checkNode();
  const {
    timeout: limit,
    maxCachedSessions: mostSessions,
    allowH2,
    socketPath,
  } = readOptions(ownSchema, options);
  const secure: ConnectOptions = Object.fromEntries(
    Object.entries(options).filter(([name]) => !Object.hasOwn(ownSchema, name)),
  );
  refuseUnsupportedOfClients(secure);
  if ('useH2c' in options && options.useH2c) {
    throw new InvalidOptionError(
      'useH2c',
      'nothing: use undici itself for HTTP/2 without TLS',
      options.useH2c,
    );
  }
  const path = socketPath ? { path: socketPath } : {};
  const sessions = new Map<string, Buffer>();

  return ({ hostname, protocol, port, servername, localAddress, httpSocket }, callback) => {
    const local = localAddress ? { localAddress } : {};
    if (protocol !== 'https:') {
      settle(
        connectTcp({ host: hostname, port: Number(port || 80), ...local, ...path } as NetConnectOpts),
        'connect',
        limit,
        callback,
      );
      return;
    }
    const name = servername ?? secure.servername ?? hostname;
    const key = `${name}:${hostname}:${port}`;
    const session = sessions.get(key);
    let socket: TlsSocket;
    try {
      socket = connect({
        ...(session ? { session } : {}),
        ...secure,
        ALPNProtocols: secure.ALPNProtocols ?? (allowH2 ? ['http/1.1', 'h2'] : ['http/1.1']),
        ...local,
        ...path,
        ...(httpSocket ? { socket: httpSocket } : {}),
        servername: name,
        host: hostname,
        port: port || 443,
      });
    } catch (error) {
      process.nextTick(callback, error, null);
      return;
    }
    socket.on('session', (ticket: Buffer) => {
      sessions.delete(key);
      sessions.set(key, ticket);
      const [oldest] = sessions.keys();
      if (sessions.size > mostSessions && oldest !== undefined) sessions.delete(oldest);
    });
    settle(socket, 'secureConnect', limit, callback);
  };
}

/** Calls back once: when the socket is ready, fails, or exceeds `timeout`. */
function settle(
  socket: TlsSocket | Socket,
  ready: 'connect' | 'secureConnect',
  timeout: number,
  callback: ConnectorCallback,
): void {
  const onTimeout = (): void => {
    const message = `the connection was not made within ${timeout} ms`;
    socket.destroy(connectionError({ kind: 'timeout', reason: '', message, alert: -1 }));
  };
  const timer = timeout > 0 ? setTimeout(onTimeout, timeout) : undefined;
  const settled = (): void => {
    clearTimeout(timer);
    socket.off(ready, onReady).off('error', onError).off('close', onClose);
  };
  const onError = (error: Error): void => {
    settled();
    callback(error, null);
  };
  // Destroying the stream below the connection is not an error of the socket.
  const onClose = (): void => {
    const message = 'the connection was closed before it was made';
    onError(connectionError({ kind: 'closed', reason: '', message, alert: -1 }));
  };
  const onReady = (): void => {
    settled();
    callback(null, socket);
  };
  socket.once(ready, onReady).once('error', onError).once('close', onClose);
  socket.setNoDelay(true);
}
