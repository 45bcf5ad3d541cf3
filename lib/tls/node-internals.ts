/**
 * The parts of `net.Server` and `net.Socket` that are private to Node and that this package relies on, in one place: seen
 * to be the same on Node 20, 22, 24 and 26. Each is checked where it is used.
 */
import type { Server, Socket } from 'node:net';

/** libuv's handle of a listening or accepted socket. */
export interface StreamHandle {
  readonly fd?: number;
  onconnection?: ((this: StreamHandle, status: number, client: StreamHandle | undefined) => void) | undefined;
  reading?: boolean;
  readStop?(): number;
  close(): void;
}

interface ServerInternals {
  _handle?: StreamHandle | null;
  /** What `getConnections`, `maxConnections` and `close` count by. */
  _connections: number;
  _emitCloseIfDrained(): void;
}

interface SocketInternals {
  _handle?: StreamHandle | null;
  /** Whose `_connections` the socket's destruction lowers. */
  _server?: Server | null;
  server?: Server | null;
}

function serverInternals(server: Server): ServerInternals {
  return server as unknown as ServerInternals;
}

function socketInternals(socket: Socket): SocketInternals {
  return socket as unknown as SocketInternals;
}

/** The listening handle, once the server listens. In a cluster worker it may be Node's own stand-in for one. */
export function listeningHandle(server: Server): StreamHandle | undefined {
  return serverInternals(server)._handle ?? undefined;
}

/**
 * The descriptor that carries exactly the socket's bytes; undefined for a socket without one: a Duplex in disguise, or a
 * `tls.TLSSocket`, whose handle names the descriptor of its records.
 */
export function descriptorOf(socket: Socket): number | undefined {
  const handle = socketInternals(socket)._handle;
  const fd = handle?.fd;
  const kind = handle?.constructor.name;
  if (kind !== 'TCP' && kind !== 'Pipe') return undefined;
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}

/** Node reads no further from a socket whose descriptor somebody else reads. */
export function stopReading(socket: Socket): void {
  socket.pause();
  const handle = socketInternals(socket)._handle;
  if (!handle?.reading) return;
  handle.reading = false;
  handle.readStop?.();
}

export function connectionCount(server: Server): number {
  return serverInternals(server)._connections;
}

/** A connection began that Node does not know of. */
export function countConnection(server: Server): void {
  serverInternals(server)._connections++;
}

/** A connection counted by `countConnection` ended without becoming a socket. */
export function uncountConnection(server: Server): void {
  const internals = serverInternals(server);
  internals._connections--;
  internals._emitCloseIfDrained();
}

/** Gives a counted connection to its socket, whose destruction ends the count. */
export function giveToServer(socket: Socket, server: Server): void {
  const internals = socketInternals(socket);
  internals._server = server;
  internals.server = server;
}

/** The socket is one of the server's, and is counted elsewhere or not at all. */
export function nameServer(socket: Socket, server: Server): void {
  socketInternals(socket).server = server;
}
