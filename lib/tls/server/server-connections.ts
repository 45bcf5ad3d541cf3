import type { ServerHttp2Session } from 'node:http2';
import type { Server } from 'node:net';
import type { TlsSocket } from '../socket/tls-socket.ts';

/** One connection of a server, from its descriptor until the engine has delivered what was written to it. */
export interface ServerConnection {
  /** Undefined until the handshake is done. */
  readonly socket: TlsSocket | undefined;
  /** The socket is closed, and nothing written to it waits for delivery: the connection broke. */
  readonly isLost: boolean;
  /** Ends a handshake with this error, and cuts off a connection whose handshake is done. */
  cut(error: Error): void;
}

/** Observes the connections of a server, for a drain. */
export interface ConnectionObserver {
  onAdded(): void;
  onSecure(socket: TlsSocket): void;
  onSession(session: ServerHttp2Session): void;
  onRemoved(): void;
}

/** The connections of a server that this package secures, and the HTTP/2 sessions over them. */
export class ServerConnections {
  readonly #connections = new Set<ServerConnection>();
  readonly #sessions = new Set<ServerHttp2Session>();
  readonly #drainHooks: ((within: number) => void)[] = [];
  /** Set while the server is drained. */
  observer: ConnectionObserver | undefined;
  /** Settles when the server's drain has ended; undefined where it was not drained since it began to listen. */
  draining: Promise<unknown> | undefined;

  get all(): ReadonlySet<ServerConnection> {
    return this.#connections;
  }

  get sessions(): ReadonlySet<ServerHttp2Session> {
    return this.#sessions;
  }

  add(connection: ServerConnection): void {
    this.#connections.add(connection);
    this.observer?.onAdded();
  }

  remove(connection: ServerConnection): void {
    if (this.#connections.delete(connection)) this.observer?.onRemoved();
  }

  addSession(session: ServerHttp2Session): void {
    this.#sessions.add(session);
    session.once('close', () => this.#sessions.delete(session));
    this.observer?.onSession(session);
  }

  /** `hook` is called with the milliseconds that a drain has: for sessions that belong to another library's server. */
  onDrain(hook: (within: number) => void): void {
    this.#drainHooks.push(hook);
  }

  callDrainHooks(within: number): void {
    for (const hook of this.#drainHooks) hook(within);
  }
}

const connectionsOfServers = new WeakMap<Server, ServerConnections>();

/** The connections of a server that `secureServer` has secured; undefined for any other server. */
export function connectionsOf(server: Server): ServerConnections | undefined {
  return connectionsOfServers.get(server);
}

/** Only `secureServer` calls it, once for each server. */
export function trackConnections(server: Server, connections: ServerConnections): void {
  connectionsOfServers.set(server, connections);
  // Other servers have no sessions, and get no listener.
  if ('updateSettings' in server) {
    server.on('session', (session: ServerHttp2Session) => connections.addSession(session));
  }
}
