import type { Server as HttpServer, ServerResponse } from 'node:http';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { ServerHttp2Session } from 'node:http2';
import type { Server, Socket } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { InvalidOptionError, S2nPkeyError } from '../errors.ts';
import { milliseconds } from '../options/kinds.ts';
import { drainEndChannel, drainStartChannel } from '../observe/channels/channels.ts';
import type { DrainEndMessage, DrainStartMessage } from '../observe/channels/operation-messages.ts';
import { readOptionsObject, type Schema } from '../options/option.ts';
import { callsOf, readsRequests, responseOf } from '../tls/node/idle-connections.ts';
import { connectionCount } from '../tls/node/node-internals.ts';
import {
  connectionsOf,
  type ConnectionObserver,
  type ServerConnections,
} from '../tls/server/server-connections.ts';
import { describeCut, type CutConnection } from './cut-connection.ts';

export interface DrainOptions {
  /** Milliseconds that connections have to finish; what is left is cut off. Default: 10,000. */
  readonly within?: number;
  /**
   * Milliseconds in which the server still accepts connections, while `health` already says that it is draining: for balancers
   * that need time to notice. Default: 0. `within` counts from their end.
   */
  readonly delay?: number;
}

export const drainSchema = {
  within: milliseconds({ least: 0, fallback: 10_000 }),
  delay: milliseconds({ least: 0, fallback: 0 }),
} satisfies Schema;

/** How a server's connections ended. */
export interface DrainReport {
  /** Connections that ended by themselves, or were idle. */
  readonly finished: number;
  /** Connections that were cut off, because `within` was over. */
  readonly cut: number;
  /** Those that were cut off, at most 100 of them. */
  readonly cutConnections: readonly CutConnection[];
  readonly durationMs: number;
}

/** Milliseconds between looks for connections that have become idle without an event. */
const LOOK_INTERVAL = 100;
/** Milliseconds that a new connection has to send its first request. */
const FIRST_REQUEST_LIMIT = 1000;
/** Milliseconds that Node has to close the sockets that were cut off. */
const CLOSE_LIMIT = 1000;
const MOST_CUT_CONNECTIONS = 100;

const drains = new WeakMap<Server, Promise<DrainReport>>();

/** Whether `drain` was called for this server since it began to listen. */
export function isDraining(server: Server): boolean {
  return drains.has(server);
}

/**
 * Ends a server in order. It stops accepting; HTTP/2 sessions get GOAWAY, responses of HTTP/1 `Connection: close`, and idle
 * connections are closed. Requests that are under way finish. What is left after `within` is cut off, and the report names
 * it. A second call returns the promise of the first.
 *
 * @param server A server of `createServer` or `createGrpcServer`, or an attached one.
 * @throws InvalidOptionError, naming the option.
 */
export function drain(server: Server, options: DrainOptions = {}): Promise<DrainReport> {
  const connections = connectionsOf(server);
  if (!connections) {
    throw new InvalidOptionError('server', 'a server of createServer, or one that was attached', server);
  }
  const { within, delay } = readOptionsObject(drainSchema, options, 'an object such as { within: 10_000 }');
  const running = drains.get(server);
  if (running) return running;
  const report = new Drain(server, connections).run(delay, within);
  drains.set(server, report);
  connections.draining = report;
  server.once('listening', () => {
    drains.delete(server);
    connections.draining = undefined;
  });
  return report;
}

/** The message of Node's `http.server.request.start` and `http.server.response.finish`. */
interface HttpMessage {
  readonly response: ServerResponse;
  readonly socket: Socket;
}

class Drain implements ConnectionObserver {
  readonly #server: Server;
  readonly #connections: ServerConnections;
  /** Sockets of this server, each with the time since when it may send its first request. */
  readonly #since = new Map<Socket, number>();
  #seen = 0;
  #progress = (): void => undefined;

  constructor(server: Server, connections: ServerConnections) {
    this.#server = server;
    this.#connections = connections;
  }

  async run(delay: number, within: number): Promise<DrainReport> {
    const message: DrainStartMessage = {
      startTime: performance.timeOrigin + performance.now(),
      ...{ connections: this.#connections.all.size, withinMs: within, delayMs: delay },
    };
    drainStartChannel.publish(message);
    if (delay > 0) await pause(delay);
    const start = performance.now();
    const deadline = start + within;
    this.#seen = this.#connections.all.size;
    this.#connections.observer = this;
    const stopListening = this.#listenToRequests();
    for (const { socket } of this.#connections.all) if (socket) this.onSecure(socket);
    const closed = this.#stopAccepting();
    for (const session of this.#connections.sessions) this.onSession(session);
    this.#connections.callDrainHooks(within);
    const look = setInterval(() => this.#look(), LOOK_INTERVAL);
    const cut: CutConnection[] = [];
    let cutCount = 0;
    try {
      this.#endIdle();
      await this.#untilOver(deadline);
      for (const connection of this.#connections.all) {
        if (connection.isLost) continue;
        cutCount++;
        if (cut.length < MOST_CUT_CONNECTIONS) cut.push(describeCut(this.#server, connection));
      }
      this.#cutAll();
      await Promise.race([closed, pause(CLOSE_LIMIT, undefined, { ref: false })]);
    } finally {
      clearInterval(look);
      stopListening();
      this.#connections.observer = undefined;
    }
    const durationMs = performance.now() - start;
    const ended = { finished: this.#seen - cutCount, cut: cutCount, durationMs };
    drainEndChannel.publish(Object.assign(message, ended) satisfies DrainEndMessage);
    return { ...ended, cutConnections: cut };
  }

  onAdded(): void {
    this.#seen++;
  }

  onRemoved(): void {
    this.#progress();
  }

  onSecure(socket: Socket): void {
    this.#since.set(socket, performance.now());
    socket.once('close', () => {
      this.#since.delete(socket);
      this.#progress();
    });
    const response = responseOf(socket);
    if (response) closeAfter(response);
  }

  /**
   * Sends GOAWAY with the last stream that was taken. The client repeats what it sent after that elsewhere. RFC 9113 §6.8
   * suggests a first GOAWAY that refuses no stream, but Node's session takes none after any GOAWAY.
   */
  onSession(session: ServerHttp2Session): void {
    session.close();
  }

  /** Resolves once the server has closed. */
  async #stopAccepting(): Promise<void> {
    const server = this.#server;
    if (!server.listening && connectionCount(server) === 0) return;
    await new Promise<void>((resolve) => {
      server.once('close', resolve);
      if (!server.listening) return;
      this.#endIdle(() => server.close());
    });
  }

  #listenToRequests(): () => void {
    const started = (message: unknown): void => {
      const { response, socket } = message as HttpMessage;
      if (!this.#since.has(socket)) return;
      const current = responseOf(socket);
      // The client sends several requests without waiting. Only the last response may close the connection.
      if (current && current !== response && !current.headersSent) current.shouldKeepAlive = true;
      closeAfter(response);
    };
    const finished = (message: unknown): void => {
      if (this.#since.has((message as HttpMessage).socket)) setImmediate(() => this.#endIdle());
    };
    subscribe('http.server.request.start', started);
    subscribe('http.server.response.finish', finished);
    return () => {
      unsubscribe('http.server.request.start', started);
      unsubscribe('http.server.response.finish', finished);
    };
  }

  /** Ends what Node's server holds to be idle, in order: with everything that was written, and with close_notify. */
  #endIdle(ask?: () => void): void {
    const server = this.#server as Partial<Pick<HttpServer, 'closeIdleConnections'>>;
    const idle = callsOf(this.#since.keys(), 'destroy', ask ?? (() => server.closeIdleConnections?.()));
    for (const socket of idle) if (isUnused(socket)) socket.destroySoon();
  }

  #look(): void {
    this.#endIdle();
    const now = performance.now();
    for (const [socket, since] of this.#since) {
      const isSilent = socket.bytesRead === 0 && readsRequests(socket);
      if (isSilent && now - since >= FIRST_REQUEST_LIMIT && isUnused(socket)) socket.destroySoon();
    }
    this.#progress();
  }

  async #untilOver(deadline: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    await new Promise<void>((resolve) => {
      timer = setTimeout(resolve, deadline - performance.now());
      this.#progress = () => {
        if ([...this.#connections.all].every(({ isLost }) => isLost)) resolve();
      };
      this.#progress();
    });
    clearTimeout(timer);
    this.#progress = () => undefined;
  }

  #cutAll(): void {
    for (const session of this.#connections.sessions) session.destroy();
    for (const connection of [...this.#connections.all]) {
      connection.cut(
        new S2nPkeyError(
          'ERR_S2N_PKEY_SERVER_DRAINED',
          'the server is being shut down, and drain has no time left',
        ),
      );
    }
  }
}

/** Not while headers are sent that say otherwise; then the connection is closed when the response is done. */
function closeAfter(response: ServerResponse): void {
  if (!response.headersSent) response.shouldKeepAlive = false;
}

/** Whether nothing is sent on a socket of an http server. */
function isUnused(socket: Socket): boolean {
  return responseOf(socket) === undefined && socket.writableLength === 0;
}
