import { AsyncResource } from 'node:async_hooks';
import { buildConnector, Client, EnvHttpProxyAgent, Pool, type Dispatcher } from 'undici';
import { hasEnvironmentProxy, noProxy } from '../client/proxy-handler.ts';
import { ClosedError } from './sign-requests.ts';

/** Where KMS is. */
export interface Endpoint {
  readonly secure: boolean;
  readonly hostname: string;
  readonly port: number;
}

/** A `POST /`. */
export interface HttpRequest {
  /** Names and values in turn; content-length is added. */
  readonly headers: string[];
  readonly body: string;
}

export interface HttpResponse {
  readonly status: number;
  readonly body: string;
  /** Of the header X-Amzn-RequestId. */
  readonly requestId: string | undefined;
  /** The server's clock, epoch milliseconds (the header Date). */
  readonly date: number | undefined;
}

/** What happens to a request; one of the last two ends it. */
export interface ExchangeListener {
  sent(): void;
  answered(response: HttpResponse): void;
  /** `stale`: the server closed an idle connection as it was used, and has not looked at the request. */
  failed(error: Error, stale: boolean): void;
}

export interface TransportOptions {
  /** Use HTTPS_PROXY, HTTP_PROXY and NO_PROXY of the environment. */
  readonly useEnvironmentProxy?: boolean;
  readonly maxConnections?: number;
  /** Milliseconds that a connection stays open with nothing to do. */
  readonly idleTimeout?: number;
  /** Milliseconds after which a connection is replaced; up to a quarter more. */
  readonly lifetime?: number;
  /** The clock: `performance.now()` unless given. */
  readonly now?: () => number;
}

const defaults = {
  useEnvironmentProxy: false,
  /** More requests wait. KMS signs 1,000 a second unless the quota is raised, each in 5 to 50 ms. */
  maxConnections: 256,
  /** Less than any load balancer of AWS waits. */
  idleTimeout: 15_000,
  /** So that changes of the name's addresses are followed. */
  lifetime: 60_000,
  now: () => performance.now(),
};

/** Milliseconds that a connection may take to open. Within a Region it takes a few. */
const connectTimeout = 2_000;

/** Bytes. A response to Sign has about 300 of header and 1,000 at most of body. */
const longestResponse = 64 * 1024;

/** Milliseconds between replacements of all connections: dead ones come in swarms, and a server that resets all must not be stormed. */
const replacementInterval = 1_000;

/**
 * HTTP/1.1 connections to KMS, by undici. Each carries one request at a time and keeps the process alive only as long as it does.
 * TLS sessions are not kept: a server that fails to resume one would fail every new connection, and a connection serves for a minute.
 */
export class Transport {
  readonly #origin: string;
  readonly #options: Required<TransportOptions>;
  // Connections outlive the request that they are opened for, and must not keep its asynchronous context.
  readonly #context = new AsyncResource('KmsTransport');
  readonly #retired = new Set<Dispatcher>();
  #dispatcher: Dispatcher;
  #openedAt: number;
  #closed = false;

  constructor({ secure, hostname, port }: Endpoint, options: TransportOptions = {}) {
    this.#origin = `${secure ? 'https' : 'http'}://${hostname}:${port}`;
    this.#options = { ...defaults, ...options };
    this.#dispatcher = this.#open();
    this.#openedAt = this.#options.now();
  }

  /** Sends it now, or as soon as a connection can carry it. A failure is always reported to the listener, never thrown. */
  send({ headers, body }: HttpRequest, listener: ExchangeListener): Exchange {
    if (this.#closed) throw new ClosedError();
    const exchange = new Exchange(listener);
    const options: SigningDispatchOptions = {
      ...{ origin: this.#origin, path: '/', method: 'POST', headers, body, exchange },
      // Each attempt has a limit of its own.
      ...{ headersTimeout: 0, bodyTimeout: 0 },
    };
    this.#dispatcher.dispatch(options, exchange);
    return exchange;
  }

  /**
   * Opens new connections for all requests from now on, and lets the old ones finish theirs: one that was used at `sentAt`
   * was dead, and the others may be.
   *
   * @param sentAt `performance.now()`
   */
  replaceConnections(sentAt: number): void {
    const now = this.#options.now();
    if (this.#closed || this.#openedAt >= sentAt || now - this.#openedAt < replacementInterval) return;
    const old = this.#dispatcher;
    this.#dispatcher = this.#open();
    this.#openedAt = now;
    this.#retired.add(old);
    void old.close().then(() => this.#retired.delete(old));
  }

  /** Closes all connections. Requests that have not ended fail. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const one of [this.#dispatcher, ...this.#retired]) void one.destroy(new ClosedError());
    this.#context.emitDestroy();
  }

  #open(): Dispatcher {
    const { maxConnections: connections, idleTimeout, lifetime, now, useEnvironmentProxy } = this.#options;
    const settings = { timeout: connectTimeout, maxCachedSessions: 0 };
    const connect = buildConnector(settings);
    const pool = (origin: string | URL, given: object): Pool =>
      new Pool(origin, {
        ...given,
        connections,
        factory: (url, options) => new Connection(url, options, lifetime, now),
      });
    const options: Client.Options = {
      keepAliveTimeout: idleTimeout,
      keepAliveMaxTimeout: idleTimeout,
      // Closed a second before the server does it: what is sent meanwhile would be lost.
      keepAliveTimeoutThreshold: 1_000,
      maxHeaderSize: longestResponse,
      maxResponseSize: longestResponse,
      connect: (target, opened) => {
        this.#context.runInAsyncScope(connect, undefined, target, opened);
      },
    };
    if (!useEnvironmentProxy || !hasEnvironmentProxy()) return pool(this.#origin, options);
    return new EnvHttpProxyAgent({
      ...options,
      factory: pool,
      requestTls: settings,
      proxyTls: settings,
      noProxy: noProxy(),
    });
  }
}

interface SigningDispatchOptions extends Dispatcher.DispatchOptions {
  readonly exchange: Exchange;
}

/** A connection of a pool: it knows whether it has served, and ends with the first request after its time. */
class Connection extends Client {
  /** Responses since it was opened. */
  served = 0;
  readonly #now: () => number;
  #expires = Infinity;

  constructor(origin: URL, options: object, lifetime: number, now: () => number) {
    super(origin, options);
    this.#now = now;
    this.on('connect', () => {
      this.served = 0;
      // Not all at once.
      this.#expires = now() + lifetime * (1 + Math.random() / 4);
    });
  }

  override dispatch(options: SigningDispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    options.exchange.connection = this;
    return super.dispatch(this.#now() < this.#expires ? options : { ...options, reset: true }, handler);
  }
}

/** A request under way. */
export class Exchange implements Dispatcher.DispatchHandler {
  /** What carries it, once one does. */
  connection: Connection | undefined;
  readonly #listener: ExchangeListener;
  #controller: Dispatcher.DispatchController | undefined;
  #status = 0;
  #requestId: string | undefined;
  #date: string | undefined;
  readonly #body: Buffer[] = [];
  #ended = false;

  constructor(listener: ExchangeListener) {
    this.#listener = listener;
  }

  /** Takes it back: it is not sent if it has not been, else its connection is closed. The listener is not told. */
  abort(): void {
    this.#ended = true;
    this.#controller?.abort(new ClosedError());
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // To throw here takes back the request and leaves the connection as it is, where abort() would close it.
    if (this.#ended) throw new ClosedError();
    this.#controller = controller;
    this.#listener.sent();
  }

  onResponseStart(
    _controller: Dispatcher.DispatchController,
    status: number,
    headers: Readonly<Record<string, string | string[] | undefined>>,
  ): void {
    this.#status = status;
    this.#requestId = text(headers['x-amzn-requestid']);
    this.#date = text(headers['date']);
  }

  onResponseData(_controller: Dispatcher.DispatchController, chunk: Buffer): void {
    this.#body.push(chunk);
  }

  onResponseEnd(): void {
    if (this.connection !== undefined) this.connection.served += 1;
    if (this.#ended) return;
    this.#ended = true;
    const date = this.#status === 200 || this.#date === undefined ? NaN : Date.parse(this.#date);
    this.#listener.answered({
      status: this.#status,
      body: Buffer.concat(this.#body).toString(),
      requestId: this.#requestId,
      date: Number.isNaN(date) ? undefined : date,
    });
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    const isUsed = this.#controller !== undefined && (this.connection?.served ?? 0) > 0;
    this.#listener.failed(error, isUsed && this.#status === 0);
  }
}

function text(header: string | string[] | undefined): string | undefined {
  return Array.isArray(header) ? header[0] : header;
}
