/**
 * All private parts of `net.Server` and `net.Socket` that this package relies on. They are the same on Node 20, 22, 24 and
 * 26, and each is checked where it is used.
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
  /** Bytes that the kernel has not accepted yet. */
  readonly writeQueueSize?: number;
  readonly bytesRead?: number;
  readonly bytesWritten?: number;
  close(callback?: () => void): void;
}

/** A listening handle. */
interface ListeningHandle extends StreamHandle {
  readonly constructor: new (type: number) => ListeningHandle;
  /** Takes over a descriptor. Returns a negative errno on failure. */
  open(fd: number): number | undefined;
  listen(backlog: number): number;
  unref(): void;
}

interface ServerInternals {
  _handle?: StreamHandle | null;
  /** Set by `server.unref()`. */
  _unref?: boolean;
  /** The count behind `getConnections`, `maxConnections` and `close`. */
  _connections: number;
  _emitCloseIfDrained(): void;
}

/** The error that ended one half of a stream, as `stream.errored` and `finished` report it. */
interface StreamState {
  errored?: Error | null;
}

interface SocketInternals {
  _handle?: StreamHandle | null;
  readonly _readableState?: StreamState;
  readonly _writableState?: StreamState;
  /** The server whose `_connections` decreases when the socket is destroyed. */
  _server?: Server | null;
  server?: Server | null;
  /** Whether the connection's error is reported elsewhere. If it is not set, http reports an early end as an error. */
  _hadError?: boolean;
  /** The socket underneath. Each byte also refreshes its idle timer. */
  _parent?: Socket | null;
}

function serverInternals(server: Server): ServerInternals {
  return server as unknown as ServerInternals;
}

function socketInternals(socket: Socket): SocketInternals {
  return socket as unknown as SocketInternals;
}

/** The handle of a listening server. In a cluster worker it may be Node's own substitute without a descriptor. */
export function listeningHandle(server: Server): StreamHandle | undefined {
  return serverInternals(server)._handle ?? undefined;
}

/**
 * The descriptor that carries exactly the socket's bytes. Undefined for a socket without one: a wrapped Duplex, or a
 * `tls.TLSSocket`, whose handle refers to the descriptor of its encrypted records.
 */
export function descriptorOf(socket: Socket): number | undefined {
  const handle = socketInternals(socket)._handle;
  const fd = handle?.fd;
  const kind = handle?.constructor.name;
  if (kind !== 'TCP' && kind !== 'Pipe') return undefined;
  return typeof fd === 'number' && fd >= 0 ? fd : undefined;
}

/** Stops Node's reading from a socket whose descriptor the engine reads. */
export function stopReading(socket: Socket): void {
  socket.pause();
  const handle = socketInternals(socket)._handle;
  if (!handle?.reading) return;
  handle.reading = false;
  handle.readStop?.();
}

/** Records that the socket's listeners will get an error of the connection. */
export function noteError(socket: Socket): void {
  socketInternals(socket)._hadError = true;
}

/** Gives a socket without a handle a substitute. Its close callback runs in a later phase of the loop, like a real one's. */
export function giveClosedHandle(socket: Socket): void {
  socketInternals(socket)._handle ??= closedHandle({});
}

function closedHandle({ bytesRead = 0, bytesWritten = 0 }: Partial<StreamHandle>): StreamHandle {
  return { bytesRead, bytesWritten, close: (closed) => setImmediate(closed ?? nothing) };
}

function nothing(): void {
  // There is no descriptor to close.
}

/** Receives bytes that are discarded. */
const nowhere = Buffer.alloc(65_536);

/**
 * Detaches the handle of a socket that is being destroyed, after `last` has used it. The socket closes at once, the handle
 * when `last` calls `close`. Bytes that arrive until then are discarded, so that the peer can keep sending.
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

/** Written bytes that the kernel has not accepted yet, including those that http2 wrote directly to the handle. */
export function unsentBytes(socket: Socket): number {
  return socketInternals(socket)._handle?.writeQueueSize ?? 0;
}

/** Marks a socket as connecting: it buffers writes until its `'connect'` event. */
export function setConnecting(socket: Socket, connecting: boolean): void {
  (socket as { connecting: boolean }).connecting = connecting;
}

/** Whether an error comes from a system call on a descriptor. */
export function isSystemError(error: Error): error is Error & { syscall: unknown } {
  return 'syscall' in error;
}

/** Replaces the error that a failed write recorded on the stream, before the stream is destroyed with it. */
export function replaceErrored(socket: Socket, error: Error, by: Error): void {
  const { _readableState, _writableState } = socketInternals(socket);
  for (const state of [_readableState, _writableState]) {
    if (state?.errored === error) state.errored = by;
  }
}

export function connectionCount(server: Server): number {
  return serverInternals(server)._connections;
}

/** Whether a stream is a socket that the server accepted and counts until it is destroyed. */
export function countsFor(server: Server, stream: Duplex): boolean {
  return stream instanceof Socket && socketInternals(stream)._server === server;
}

/** Counts a connection that Node does not know about. */
export function countConnection(server: Server): void {
  serverInternals(server)._connections++;
}

/** Uncounts a connection that ended without becoming a socket. */
export function uncountConnection(server: Server): void {
  const internals = serverInternals(server);
  internals._connections--;
  internals._emitCloseIfDrained();
}

/** Assigns a counted connection to its socket. Destroying the socket uncounts it. */
export function giveToServer(socket: Socket, server: Server): void {
  const internals = socketInternals(socket);
  internals._server = server;
  internals.server = server;
}

/** Sets the server of a socket that is counted elsewhere or not at all. */
export function nameServer(socket: Socket, server: Server): void {
  socketInternals(socket).server = server;
}

/** Makes each byte read or written also refresh the idle timer of the socket underneath. */
export function nameParent(socket: Socket, parent: Socket): void {
  socketInternals(socket)._parent = parent;
}

/** A server whose kernel socket listens, but which accepts no connection for now. */
export interface HeldListener {
  /** Whether the server would keep the event loop alive if it were not held. */
  readonly keepsAlive: boolean;
  /** Whether the server still listens with this handle. It may have been closed since. */
  isCurrent(): boolean;
  /** Resumes accepting. False: not possible yet. */
  resume(): boolean;
}

/** `TCP.constants.SERVER` and `Pipe.constants.SERVER`. */
const SERVER = 1;
/** Node's default backlog. */
const DEFAULT_BACKLOG = 511;

/** For each handle made by `holdListening`, what to do when the server closes. A handle may be held again. */
const heldHandles = new WeakMap<
  ListeningHandle,
  { path: SocketPath; tellPrimary: (() => void) | undefined }
>();

/**
 * Makes a server stop accepting. libuv polls a listening handle until it is closed. So this moves a duplicate of the
 * descriptor to a new handle, which polls only after `listen`, and closes the old one. Returns undefined if that is not
 * possible, for example if another process has the descriptor.
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
    // A cluster worker's handle has its own `close`, which notifies the primary. Call it only when the server closes.
    tellPrimary: Object.hasOwn(old, 'close') ? () => old.close() : undefined,
  };
  if ((held.open(fd) ?? 0) < 0 || !path.keep()) {
    closeSync(fd);
    return undefined;
  }
  // These symbols include the owner, through which Node's accept callback finds the server.
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

/** The two addresses of an accepted handle, as a server's `'drop'` event reports them. */
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
