/**
 * The parts of `net.Server` and `net.Socket` that are private to Node and that this package relies on, in one place: seen
 * to be the same on Node 20, 22, 24 and 26. Each is checked where it is used.
 */
import { closeSync } from 'node:fs';
import { Socket, type Server } from 'node:net';
import type { Duplex } from 'node:stream';
import { SocketPath } from './socket-path.ts';

/** libuv's handle of a listening or accepted socket. */
export interface StreamHandle {
  readonly fd?: number;
  onconnection?: ((this: StreamHandle, status: number, client: StreamHandle | undefined) => void) | undefined;
  onread?: () => void;
  reading?: boolean;
  readStart?(): number;
  readStop?(): number;
  useUserBuffer?(buffer: Uint8Array): void;
  /** Bytes that the kernel has not taken yet. */
  readonly writeQueueSize?: number;
  readonly bytesRead?: number;
  readonly bytesWritten?: number;
  close(callback?: () => void): void;
}

/** A listening handle. */
interface ListeningHandle extends StreamHandle {
  readonly constructor: new (type: number) => ListeningHandle;
  /** Takes a descriptor over. Returns a negative errno, or nothing. */
  open(fd: number): number | undefined;
  listen(backlog: number): number;
  unref(): void;
}

interface ServerInternals {
  _handle?: StreamHandle | null;
  /** What `server.unref()` remembers. */
  _unref?: boolean;
  /** What `getConnections`, `maxConnections` and `close` count by. */
  _connections: number;
  _emitCloseIfDrained(): void;
}

/** What a stream's two halves keep of the error that ended it: what `stream.errored` and `finished` tell. */
interface StreamState {
  errored?: Error | null;
}

interface SocketInternals {
  _handle?: StreamHandle | null;
  readonly _readableState?: StreamState;
  readonly _writableState?: StreamState;
  /** Whose `_connections` the socket's destruction lowers. */
  _server?: Server | null;
  server?: Server | null;
  /** Whether an error of the connection is told elsewhere, for http, which calls an early end an error otherwise. */
  _hadError?: boolean;
  /** The socket underneath, whose idle timer each byte refreshes as well. */
  _parent?: Socket | null;
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

/** An error of the connection is on its way to the socket's listeners. */
export function noteError(socket: Socket): void {
  socketInternals(socket)._hadError = true;
}

/** A handle in place of one that there is not. Its closing is told in a later phase of the loop, as a real one's is. */
export function giveClosedHandle(socket: Socket): void {
  socketInternals(socket)._handle ??= closedHandle({});
}

function closedHandle({ bytesRead = 0, bytesWritten = 0 }: Partial<StreamHandle>): StreamHandle {
  return { bytesRead, bytesWritten, close: (closed) => setImmediate(closed ?? nothing) };
}

function nothing(): void {
  // There is no descriptor to close.
}

/** Where what nobody wants is read to. */
const nowhere = Buffer.alloc(65_536);

/**
 * Takes the handle of a socket that is being destroyed, once `last` has used it. The socket itself closes at once, the handle
 * when `close` is called. What comes until then is thrown away, so that the peer can go on.
 */
export function takeHandle(socket: Socket, last: (close: () => void) => void): void {
  const internals = socketInternals(socket);
  const handle = internals._handle;
  if (!handle) return;
  last(() => {
    handle.close();
  });
  internals._handle = closedHandle(handle);
  handle.onread = nothing;
  handle.useUserBuffer?.(nowhere);
  handle.readStart?.();
}

/** How much of what was written the kernel has yet to take; what http2 wrote to the handle itself, too. */
export function unsentBytes(socket: Socket): number {
  return socketInternals(socket)._handle?.writeQueueSize ?? 0;
}

/** A socket that is connecting keeps what is written to it until its `'connect'` event. */
export function setConnecting(socket: Socket, connecting: boolean): void {
  (socket as { connecting: boolean }).connecting = connecting;
}

/** An error of a descriptor. */
export function isSystemError(error: Error): error is Error & { syscall: unknown } {
  return 'syscall' in error;
}

/** A write that fails is noted as what ended the stream before the stream is destroyed with it. */
export function replaceErrored(socket: Socket, error: Error, by: Error): void {
  const { _readableState, _writableState } = socketInternals(socket);
  for (const state of [_readableState, _writableState]) {
    if (state?.errored === error) state.errored = by;
  }
}

export function connectionCount(server: Server): number {
  return serverInternals(server)._connections;
}

/** Whether a stream is a socket that the server accepted, and counts until it is destroyed. */
export function countsFor(server: Server, stream: Duplex): boolean {
  return stream instanceof Socket && socketInternals(stream)._server === server;
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

/** A byte of the socket's, read or written, counts for the idle timer of the socket underneath, too. */
export function nameParent(socket: Socket, parent: Socket): void {
  socketInternals(socket)._parent = parent;
}

/** A server that listens to the kernel but accepts nothing for now. */
export interface HeldListener {
  /** Whether the server, were it not held, would keep the event loop alive. */
  readonly keepsAlive: boolean;
  /** Whether it is still what the server listens with: it may have been closed since. */
  isCurrent(): boolean;
  /** Accepting goes on. False: it cannot, yet. */
  resume(): boolean;
}

/** `TCP.constants.SERVER` and `Pipe.constants.SERVER`. */
const SERVER = 1;
/** Node's own backlog where none was asked for. */
const DEFAULT_BACKLOG = 511;

/** What a handle of `holdListening`'s does when the server closes. It may be held again. */
const heldHandles = new WeakMap<
  ListeningHandle,
  { path: SocketPath; tellPrimary: (() => void) | undefined }
>();

/**
 * Makes a server stop accepting. libuv polls a listening handle until it is closed, so its descriptor goes, duplicated, to a
 * handle that does not poll before `listen` is called on it, and the old one is closed. Undefined where that cannot be, as
 * where the descriptor is another process's.
 */
export function holdListening(
  server: Server,
  duplicate: (fd: number) => { fd: number; backlog: number },
): HeldListener | undefined {
  const internals = serverInternals(server);
  const old = internals._handle as ListeningHandle | null | undefined;
  if (!old || typeof old.fd !== 'number' || old.fd < 0 || typeof old.open !== 'function') return undefined;
  const { fd, backlog } = duplicate(old.fd);
  if (fd < 0) return undefined;
  const held = new old.constructor(SERVER);
  const { path, tellPrimary } = heldHandles.get(old) ?? {
    path: new SocketPath(server.address()),
    // A cluster worker's handle has a `close` of its own, which tells the primary: for when the server closes, not for now.
    tellPrimary: Object.hasOwn(old, 'close') ? () => old.close() : undefined,
  };
  if ((held.open(fd) ?? 0) < 0 || !path.keep()) {
    closeSync(fd);
    return undefined;
  }
  // The owner, by which Node's own accepting finds the server.
  for (const symbol of Object.getOwnPropertySymbols(old)) {
    Object.defineProperty(held, symbol, Object.getOwnPropertyDescriptor(old, symbol) ?? {});
  }
  held.onconnection = old.onconnection;
  const close = (handle: ListeningHandle, callback?: () => void): void => {
    (Object.getPrototypeOf(old) as ListeningHandle).close.call(handle, callback);
  };
  heldHandles.set(held, { path, tellPrimary });
  held.close = (callback) => {
    path.remove();
    tellPrimary?.();
    close(held, callback);
  };
  internals._handle = held;
  close(old);
  path.restore();
  const keepsAlive = internals._unref !== true;
  if (!keepsAlive) held.unref();
  return {
    keepsAlive,
    isCurrent: () => internals._handle === held,
    resume: () => held.listen(backlog > 0 ? backlog : DEFAULT_BACKLOG) === 0,
  };
}

/** The two addresses of an accepted handle, as a server's `'drop'` event tells them. */
export function addressesOf(client: StreamHandle): Record<string, unknown> {
  const { getsockname, getpeername } = client as unknown as Record<string, unknown>;
  const read = (get: unknown): { address?: string; port?: number; family?: string } => {
    const out = {};
    if (typeof get === 'function') (get as (out: object) => void).call(client, out);
    return out;
  };
  const local = read(getsockname);
  const remote = read(getpeername);
  return {
    localAddress: local.address,
    localPort: local.port,
    localFamily: local.family,
    remoteAddress: remote.address,
    remotePort: remote.port,
    remoteFamily: remote.family,
  };
}
