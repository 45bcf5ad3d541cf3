import { connect as connectTcp, isIP, type Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { AnswerReader, type HttpAnswer } from './http-answer.ts';

/** Where KMS is. */
export interface Endpoint {
  readonly secure: boolean;
  readonly hostname: string;
  readonly port: number;
}

/** A request, and who is told of its answer. */
export interface Exchange {
  /** What it was sent on, from then on. */
  carrier: Connection | undefined;
  /** The whole request, one character a byte. Called when it is sent. */
  render(): string;
  answered(answer: HttpAnswer): void;
  /** `stale`: an idle connection was closed by the other side, which has not looked at the request. */
  failed(error: Error, stale: boolean): void;
}

export interface ConnectionOwner {
  /** It is connected, or an answer is complete: it can carry another request. */
  ready(connection: Connection): void;
  /** It is closed. `error` when it could not even be opened. */
  gone(connection: Connection, error: Error | undefined): void;
}

/** The last TLS session of an endpoint, which makes the next handshake with it cheap. */
export class TlsSession {
  last: Buffer | undefined;
}

/** Milliseconds that a connection may take to open. Within a Region it takes a few. */
const connectTimeout = 2_000;

/** A connection to KMS. It carries one request at a time, and keeps the process alive only as long as it does. */
export class Connection {
  /** By the owner's clock: when it is not used again, so that names are looked up anew. */
  readonly expires: number;
  /** By the owner's clock: since when it has nothing to do. */
  idleSince = 0;
  /** Milliseconds that the server keeps it while it is idle, if the server said so. */
  idleLimit = Infinity;
  readonly #socket: Socket | TLSSocket;
  readonly #owner: ConnectionOwner;
  readonly #reader = new AnswerReader();
  readonly #timer: NodeJS.Timeout;
  #exchange: Exchange | undefined;
  #served = 0;
  #state: 'connecting' | 'open' | 'closed' = 'connecting';

  constructor(endpoint: Endpoint, session: TlsSession, expires: number, owner: ConnectionOwner) {
    this.expires = expires;
    this.#owner = owner;
    this.#socket = open(endpoint, session);
    this.#socket.setNoDelay(true);
    this.#timer = setTimeout(() => {
      const why = `no connection to ${endpoint.hostname}:${endpoint.port} within ${connectTimeout} ms`;
      this.#end(Object.assign(new Error(why), { name: 'TimeoutError', code: 'ETIMEDOUT' }));
    }, connectTimeout);
    this.#socket
      .once(endpoint.secure ? 'secureConnect' : 'connect', () => {
        clearTimeout(this.#timer);
        this.#state = 'open';
        owner.ready(this);
      })
      .on('data', (chunk: Buffer) => {
        this.#receive(chunk);
      })
      .once('error', (error: Error) => {
        this.#end(error);
      })
      .once('end', () => {
        this.#end(brokenOff());
      })
      .once('close', () => {
        this.#end(brokenOff());
      });
  }

  /** Sends a request. The connection must be ready. */
  carry(exchange: Exchange): void {
    this.#exchange = exchange;
    exchange.carrier = this;
    this.#socket.ref();
    this.#socket.write(exchange.render(), 'latin1');
  }

  /** It has nothing to do for now, and lets the process end. */
  rest(now: number): void {
    this.idleSince = now;
    this.#socket.unref();
  }

  /** Whether it waits for the answer to this request. */
  carries(exchange: Exchange): boolean {
    return this.#exchange === exchange;
  }

  /** Closes it at once. Who waits for an answer is not told. */
  destroy(): void {
    this.#exchange = undefined;
    this.#end(undefined);
  }

  #receive(chunk: Buffer): void {
    const exchange = this.#exchange;
    // Without a question there is no answer: what comes now cannot be told from the answer to the next one.
    if (exchange === undefined) {
      this.#end(undefined);
      return;
    }
    let answer: HttpAnswer | undefined;
    try {
      answer = this.#reader.push(chunk);
    } catch (error) {
      this.#end(error instanceof Error ? error : new Error(String(error)));
      return;
    }
    if (answer === undefined) return;
    this.#exchange = undefined;
    this.#served += 1;
    if (answer.reusable) {
      if (answer.idleLimit !== undefined) this.idleLimit = answer.idleLimit;
      this.#owner.ready(this);
    } else {
      this.#end(undefined);
    }
    exchange.answered(answer);
  }

  #end(error: Error | undefined): void {
    if (this.#state === 'closed') return;
    const opened = this.#state === 'open';
    this.#state = 'closed';
    clearTimeout(this.#timer);
    this.#socket.on('error', () => undefined); // It is known already that it broke.
    this.#socket.destroy();
    const exchange = this.#exchange;
    this.#exchange = undefined;
    this.#owner.gone(this, opened ? undefined : error);
    if (error !== undefined) exchange?.failed(error, this.#served > 0 && !this.#reader.begun);
  }
}

function open(endpoint: Endpoint, session: TlsSession): Socket | TLSSocket {
  const { hostname, port } = endpoint;
  const host = hostname.replace(/^\[|\]$/g, '');
  if (!endpoint.secure) return connectTcp({ host, port });
  // As https.request does it, which the SDK uses: the same authorities, checks and NODE_EXTRA_CA_CERTS.
  const socket = connectTls({
    host,
    port,
    ALPNProtocols: ['http/1.1'],
    ...(isIP(host) === 0 ? { servername: host } : {}),
    ...(session.last === undefined ? {} : { session: session.last }),
  });
  return socket.on('session', (latest: Buffer) => {
    session.last = latest;
  });
}

function brokenOff(): Error {
  return Object.assign(new Error('the connection was closed before the answer was complete'), {
    code: 'ECONNRESET',
  });
}
