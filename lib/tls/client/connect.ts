import { Socket, type SocketConnectOpts } from 'node:net';
import { addAbortSignal, type Duplex } from 'node:stream';
import { InvalidOptionError } from '../../errors.ts';
import { addon } from '../../native/addon.ts';
import { engine } from '../../native/engine.ts';
import { ClientHandshake } from './client-handshake.ts';
import { checkServerName, nameToAskFor, readClientSettings, type ConnectOptions } from './client-options.ts';
import { readClientSocketOptions } from './client-socket-options.ts';
import { connectionError } from '../socket/connection-error.ts';
import { transportOf } from '../carrier/given-stream.ts';
import { warnOfIgnoredFlags } from '../context/ignored-flags.ts';
import { descriptorOf } from '../node/node-internals.ts';
import { checkNode } from '../node/supported-node.ts';
import { takeAfterCarrier } from '../node/node-wrapper.ts';
import { TlsSocket } from '../socket/tls-socket.ts';
import { localOf, remoteOf } from '../carrier/transport.ts';
import { unknownPeer } from '../handshake/unknown-peer.ts';

/** Options that are passed to net.connect. All others concern TLS. */
const tcpOptions = [
  ...['port', 'host', 'path', 'family', 'hints', 'lookup', 'localAddress', 'localPort', 'blockList'],
  ...['autoSelectFamily', 'autoSelectFamilyAttemptTimeout', 'keepAlive', 'keepAliveInitialDelay'],
  'typeOfService',
] as const;

const tcpEvents = [
  'lookup',
  'connectionAttempt',
  'connectionAttemptFailed',
  'connectionAttemptTimeout',
] as const;

/**
 * Connects to a TLS server, as `tls.connect`. `'secureConnect'` is emitted once the server has proved its identity. Earlier
 * writes are sent only then. With `{ cert, signer }`, a server that asks gets a client certificate whose key the signer holds.
 *
 * @throws InvalidOptionError, naming the option; the errors of `createSecureContext`.
 */
export function connect(options: ConnectOptions, onSecureConnect?: () => void): TlsSocket;
export function connect(
  port: number | string,
  host?: string,
  options?: ConnectOptions,
  onSecureConnect?: () => void,
): TlsSocket;
export function connect(
  port: number | string,
  options?: ConnectOptions,
  onSecureConnect?: () => void,
): TlsSocket;
export function connect(...args: unknown[]): TlsSocket {
  checkNode();
  const { options, onSecureConnect } = readArguments(args);
  const settings = readClientSettings(options);
  warnOfIgnoredFlags();
  const { signal, timeout, carrier, ...socketOptions } = readClientSocketOptions(options);
  const pair = addon().socketPair();
  const [ours, engines] = typeof pair === 'number' ? [undefined, -1] : pair;
  const socket = new TlsSocket(engine(), 0, unknownPeer, {
    fd: ours,
    ...socketOptions,
    client: {
      onDestroy: () => handshake.abandon(),
      onServername: (name) => {
        checkServerName('name', name);
        handshake.serverName = nameToAskFor(name);
      },
      session: options.session,
    },
  });
  const handshake: ClientHandshake = new ClientHandshake(engine(), settings, socket, engines);
  if (timeout > 0 && !carrier) socket.setTimeout(timeout); // as node:tls documents it
  if (onSecureConnect) socket.once('secureConnect', onSecureConnect);
  if (signal) addAbortSignal(signal, socket);
  if (socket.destroyed || typeof pair === 'number') {
    // Deferred, because http adds its 'error' listener in the next tick.
    if (typeof pair === 'number') process.nextTick(() => socket.destroy(noDescriptor(-pair)));
    // The given stream ends with the connection. The socket reports the reason.
    carrier?.on('error', () => undefined).destroy();
    return socket;
  }
  try {
    if (carrier) overStream(carrier, socket, handshake);
    else overTcp(options, socket, handshake);
  } catch (error) {
    socket.destroy(); // The caller gets no reference to it, so its descriptors would leak.
    throw error;
  }
  if (options.noDelay === false) socket.setNoDelay(false);
  return socket;
}

function noDescriptor(errno: number): Error {
  const message = `no descriptor left for a connection (errno ${errno}): raise the limit of open files`;
  return connectionError({ kind: 'resources', reason: '', message, alert: -1 });
}

/** Opens a connection over TCP or a Unix socket with Node, and passes its descriptor to the engine. */
function overTcp(options: ConnectOptions, socket: TlsSocket, handshake: ClientHandshake): void {
  const given = options as Readonly<Record<string, unknown>>;
  const wanted = tcpOptions.filter((name) => given[name] !== undefined).map((name) => [name, given[name]]);
  const tcp = connectTcp(Object.fromEntries(wanted) as object);
  socket.transportConnecting(tcp);
  for (const event of tcpEvents) tcp.on(event, (...args: unknown[]) => socket.emit(event, ...args));
  tcp.once('error', (error) => socket.destroy(error));
  tcp.once('connect', () => {
    const fd = descriptorOf(tcp);
    if (fd === undefined || socket.destroyed) {
      tcp.destroy();
      return;
    }
    handshake.begin(fd, { remote: remoteOf(tcp), local: localOf(tcp) });
    tcp.destroy(); // the engine has a duplicate
    if (!socket.destroyed) socket.transportConnected(false);
  });
}

/** Like `net.connect`, but closes the handle if `connect` throws. */
function connectTcp(options: object): Socket {
  const socket = new Socket(options);
  try {
    return socket.connect(options as SocketConnectOpts);
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

/** Secures a stream of the caller: an open or connecting socket, a tunnel, any Duplex. It ends with the connection. */
function overStream(stream: Socket | Duplex, socket: TlsSocket, handshake: ClientHandshake): void {
  const carrier = stream as Socket;
  takeAfterCarrier(socket, carrier);
  const wasClosed = carrier.closed;
  const gone = (): void => void socket.destroy();
  const begin = (): void => {
    if (socket.destroyed) return;
    if (carrier.destroyed) {
      // node:tls emits no event if the stream had already closed, so its caller waits forever. Here 'error' is emitted.
      const message = 'the given socket is closed';
      const closed = connectionError({ kind: 'closed', reason: '', message, alert: -1 });
      socket.destroy(wasClosed ? closed : undefined);
      return;
    }
    let transport;
    try {
      transport = transportOf(carrier);
    } catch (error) {
      socket.destroy(error as Error);
      return;
    }
    carrier.off('close', gone);
    transport.onLost((error) => socket.destroy(error));
    socket.once('close', () => transport.release());
    transport.whenReady(() => {
      if (socket.destroyed) return;
      handshake.begin(transport.fd, { remote: transport.remote, local: transport.local });
      transport.taken();
    });
  };
  carrier.once('error', (error: Error) => socket.destroy(error));
  carrier.once('close', gone);
  if (carrier.connecting) {
    socket.transportConnecting(carrier);
    carrier.once('connect', () => {
      begin();
      if (!socket.destroyed) socket.transportConnected(true);
    });
  } else {
    process.nextTick(begin);
  }
}

function readArguments(args: unknown[]): { options: ConnectOptions; onSecureConnect?: () => void } {
  const rest = [...args];
  const last = rest.at(-1);
  const onSecureConnect = typeof last === 'function' ? (rest.pop() as () => void) : undefined;
  const options: Record<string, unknown> = {};
  const [first] = rest;
  if (typeof first === 'number' || (typeof first === 'string' && /^\d+$/.test(first))) {
    options['port'] = rest.shift();
    if (typeof rest[0] === 'string') options['host'] = rest.shift();
  } else if (typeof first === 'string') {
    options['path'] = rest.shift();
  }
  const named = rest.shift();
  if (named !== undefined && named !== null) {
    if (typeof named !== 'object') throw new InvalidOptionError('options', '{ port, host, … }', named);
    Object.assign(options, named);
  } else if (Object.keys(options).length === 0) {
    throw new InvalidOptionError('options', '{ port, host, … }', named);
  }
  return { options, ...(onSecureConnect ? { onSecureConnect } : {}) };
}
