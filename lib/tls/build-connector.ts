import { connect as connectTcp, type Socket } from 'node:net';
import type { ConnectOptions } from './client-options.ts';
import { connect } from './connect.ts';
import { connectionError } from './connection-error.ts';
import type { TlsSocket } from './tls-socket.ts';

/** What undici asks a connector for. */
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
  /** Milliseconds until a connection must be made, its handshake included; 10,000 as in undici. */
  timeout?: number;
  /** Whether to offer HTTP/2. */
  allowH2?: boolean;
}

const KEPT_SESSIONS = 100;

/**
 * A connector for undici, as its own `buildConnector`: `new Agent({ connect: buildConnector({ cert, signer, ca }) })` is a dispatcher
 * whose requests, and those of `fetch`, show a certificate whose key the signer holds. Sessions are resumed.
 */
export function buildConnector(
  options: ConnectorOptions = {},
): (request: ConnectorRequest, callback: ConnectorCallback) => void {
  const { timeout = 10_000, allowH2 = false, ...secure } = options;
  const sessions = new Map<string, Buffer>();

  return ({ hostname, protocol, port, servername, localAddress, httpSocket }, callback) => {
    const local = localAddress ? { localAddress } : {};
    if (protocol !== 'https:') {
      settle(
        connectTcp({ host: hostname, port: Number(port || 80), ...local }),
        'connect',
        timeout,
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
      if (sessions.size > KEPT_SESSIONS && oldest !== undefined) sessions.delete(oldest);
    });
    settle(socket, 'secureConnect', timeout, callback);
  };
}

/** Calls back once: when the socket is ready, when it fails, or when its time is over. */
function settle(
  socket: TlsSocket | Socket,
  ready: 'connect' | 'secureConnect',
  timeout: number,
  callback: ConnectorCallback,
): void {
  const timer = setTimeout(() => {
    const message = `the connection was not made within ${timeout} ms`;
    socket.destroy(connectionError({ kind: 'timeout', reason: '', message, alert: -1 }));
  }, timeout);
  const settled = (): void => {
    clearTimeout(timer);
    socket.off(ready, onReady).off('error', onError).off('close', onClose);
  };
  const onError = (error: Error): void => {
    settled();
    callback(error, null);
  };
  // What carries the connection was destroyed, which is no error of the socket's.
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
