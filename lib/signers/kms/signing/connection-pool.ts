import { AsyncResource } from 'node:async_hooks';
import { Connection, TlsSession, type ConnectionOwner, type Endpoint, type Exchange } from './connection.ts';
import { ClosedError } from './sign-requests.ts';

/** Connections at once; more requests wait. KMS signs 1,000 a second unless the quota is raised, each in 5 to 50 ms. */
const mostConnections = 256;

/** Milliseconds that a connection stays open with nothing to do: less than any load balancer of AWS waits. */
const idleLimit = 15_000;

/** Milliseconds after which a connection is replaced, so that changes of the name's addresses are followed; up to a quarter more. */
const lifetime = 60_000;

/** Milliseconds between looks at idle connections. */
const sweepInterval = 1_000;

export interface PoolLimits {
  readonly mostConnections?: number;
  readonly idleLimit?: number;
  readonly lifetime?: number;
  /** The clock: `performance.now()` unless given. */
  readonly now?: () => number;
}

/** Connections to one endpoint, opened when there is more to do than they can carry, and closed when they have been idle or long open. */
export class ConnectionPool implements ConnectionOwner {
  readonly #endpoint: Endpoint;
  readonly #limits: Required<PoolLimits>;
  readonly #session = new TlsSession();
  // Connections outlive the request that they are opened for, and must not keep its asynchronous context.
  readonly #context = new AsyncResource('KmsConnectionPool');
  readonly #connections = new Set<Connection>();
  /** The one used last is at the end, and is the next to be used: those that are not needed grow old at the start. */
  readonly #idle: Connection[] = [];
  readonly #opening = new Set<Connection>();
  readonly #queue = new Set<Exchange>();
  #sweep: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(endpoint: Endpoint, limits: PoolLimits = {}) {
    this.#endpoint = endpoint;
    this.#limits = { mostConnections, idleLimit, lifetime, now: () => performance.now(), ...limits };
  }

  /** Open connections, and those being opened. */
  get size(): number {
    return this.#connections.size;
  }

  /**
   * Sends it now, or as soon as a connection can carry it.
   *
   * @param provenAfter `performance.now()`: not on a connection that has been idle since before then, and may be dead like another one.
   */
  send(exchange: Exchange, provenAfter = 0): void {
    if (this.#closed) throw new ClosedError();
    const connection = this.#takeIdle(provenAfter);
    if (connection !== undefined) {
      connection.carry(exchange);
      return;
    }
    this.#queue.add(exchange);
    this.#openAsNeeded();
  }

  /** Takes it back: it is not sent if it has not been, else its connection is closed. It is told nothing more. */
  cancel(exchange: Exchange): void {
    if (this.#queue.delete(exchange)) return;
    const { carrier } = exchange;
    if (carrier?.carries(exchange) === true) carrier.destroy();
  }

  /** Closes all connections. Whoever still waits is told nothing more. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#sweep);
    this.#queue.clear();
    for (const connection of [...this.#connections]) connection.destroy();
    this.#context.emitDestroy();
  }

  ready(connection: Connection): void {
    this.#opening.delete(connection);
    if (connection.expires <= this.#limits.now()) {
      connection.destroy();
      return;
    }
    for (const next of this.#queue) {
      this.#queue.delete(next);
      connection.carry(next);
      return;
    }
    connection.rest(this.#limits.now());
    this.#idle.push(connection);
    this.#sweep ??= setInterval(() => {
      this.#closeOld();
    }, sweepInterval).unref();
  }

  gone(connection: Connection, error: Error | undefined): void {
    this.#connections.delete(connection);
    this.#opening.delete(connection);
    const at = this.#idle.lastIndexOf(connection);
    if (at >= 0) this.#idle.splice(at, 1);
    if (this.#closed) return;
    if (error !== undefined) {
      const [first] = this.#queue;
      if (first !== undefined) {
        this.#queue.delete(first);
        first.failed(error, false);
      }
    }
    this.#openAsNeeded();
  }

  #takeIdle(provenAfter: number): Connection | undefined {
    const now = this.#limits.now();
    for (;;) {
      const last = this.#idle.at(-1);
      if (last === undefined || last.idleSince < provenAfter) return undefined;
      this.#idle.pop();
      if (!this.#isOld(last, now)) return last;
      last.destroy();
    }
  }

  #openAsNeeded(): void {
    const { mostConnections: most, lifetime: life, now } = this.#limits;
    while (this.#opening.size < this.#queue.size && this.#connections.size < most) {
      const connection = this.#context.runInAsyncScope(
        () => new Connection(this.#endpoint, this.#session, now() + life * (1 + Math.random() / 4), this),
      );
      this.#connections.add(connection);
      this.#opening.add(connection);
    }
  }

  #isOld(connection: Connection, now: number): boolean {
    // Closed a second before the server does it: what is sent meanwhile would be lost.
    const limit = Math.min(this.#limits.idleLimit, connection.idleLimit - 1_000);
    return connection.expires <= now || now - connection.idleSince > limit;
  }

  #closeOld(): void {
    const now = this.#limits.now();
    for (const connection of this.#idle.filter((one) => this.#isOld(one, now))) connection.destroy();
    if (this.#idle.length > 0) return;
    clearInterval(this.#sweep);
    this.#sweep = undefined;
  }
}
