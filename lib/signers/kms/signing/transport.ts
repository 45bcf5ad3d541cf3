import { AsyncResource } from 'node:async_hooks';
import { buildConnector, Client, EnvHttpProxyAgent, Pool, type Dispatcher } from 'undici';
import { hasEnvironmentProxy, noProxy } from '../client/proxy-handler.ts';
import { ClosedError } from './sign-requests.ts';

/** The address of KMS. */
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

/** The events of a request. One of the last two ends it. */
export interface ExchangeListener {
  sent(): void;
  answered(response: HttpResponse): void;
  /** `stale`: the server closed an idle connection just as it was reused, and did not process the request. */
  failed(error: Error, stale: boolean): void;
}

export interface TransportOptions {
  /** Use HTTPS_PROXY, HTTP_PROXY and NO_PROXY of the environment. */
  readonly useEnvironmentProxy?: boolean;
  readonly maxConnections?: number;
  /** Milliseconds after which an idle connection is closed. */
  readonly idleTimeout?: number;
  /** Milliseconds after which a connection is replaced; up to a quarter more. */
  readonly lifetime?: number;
  /** The clock: `performance.now()` unless given. */
  readonly now?: () => number;
}

const defaults = {
  useEnvironmentProxy: false,
  /** Further requests wait. KMS signs 1,000 a second unless the quota is raised, each in 5 to 50 ms. */
  maxConnections: 256,
  /** Shorter than the idle timeout of any load balancer of AWS. */
  idleTimeout: 15_000,
  /** Limits how long a changed DNS answer goes unnoticed. */
  lifetime: 60_000,
  now: () => performance.now(),
};

/** Milliseconds that a connection may take to open. Within a Region it takes a few. */
const connectTimeout = 2_000;

/** Bytes. A response to Sign has about 300 bytes of headers and at most 1,000 of body. */
const longestResponse = 64 * 1024;

/** Milliseconds between replacements of all connections. Connections die in groups, and a server that resets all must not be flooded. */
const replacementInterval = 1_000;

/**
 * HTTP/1.1 connections to KMS, made by undici. Each carries one request at a time, and keeps the process alive only meanwhile.
 * TLS sessions are not cached: a connection lives for a minute, and a server that fails to resume would fail each new one.
 */
export class Transport {
  readonly #origin: string;
  readonly #options: Required<TransportOptions>;
  // A connection outlives the request that opened it, and must not hold that request's asynchronous context.
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

  /** Sends the request as soon as a connection is free. Failures are reported to the listener, never thrown. */
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
   * Uses new connections for all later requests, because one that was used at `sentAt` was dead and the others may be too. The
   * old ones finish their requests.
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

  /** Closes all connections. Pending requests fail. */
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
      // Close a second before the server does, because a request sent as it closes is lost.
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

/** A connection of the pool. It counts its responses, and closes after the first request past its lifetime. */
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
      // Random, so that connections do not expire all at once.
      this.#expires = now() + lifetime * (1 + Math.random() / 4);
    });
  }

  override dispatch(options: SigningDispatchOptions, handler: Dispatcher.DispatchHandler): boolean {
    options.exchange.connection = this;
    return super.dispatch(this.#now() < this.#expires ? options : { ...options, reset: true }, handler);
  }
}

/** A pending request. */
export class Exchange implements Dispatcher.DispatchHandler {
  /** The connection that carries it, once assigned. */
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

  /** Cancels the request. If it was sent, its connection is closed. The listener is not called. */
  abort(): void {
    this.#ended = true;
    this.#controller?.abort(new ClosedError());
  }

  onRequestStart(controller: Dispatcher.DispatchController): void {
    // Throwing here drops the request and keeps the connection; abort() would close it.
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
