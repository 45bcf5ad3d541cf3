import { createRequire } from 'node:module';
import type { Readable } from 'node:stream';
import type * as undici from 'undici';
import { textProperty } from './error-chain.ts';

/** Whether the environment names a proxy; `NO_PROXY` may still except KMS. */
export function hasEnvironmentProxy(): boolean {
  return ['http_proxy', 'HTTP_PROXY', 'https_proxy', 'HTTPS_PROXY'].some((name) => process.env[name]);
}

/** `NO_PROXY`, and loopback: a local KMS is never behind a proxy. */
export function noProxy(): string {
  const given = process.env['no_proxy'] ?? process.env['NO_PROXY'] ?? '';
  return given === '*' ? given : `${given},localhost,127.0.0.1,[::1]`;
}

/** What the AWS SDK hands to its request handler (`HttpRequest` of @smithy/types). */
interface SdkRequest {
  readonly method: string;
  readonly protocol: string;
  readonly hostname: string;
  readonly port?: number;
  readonly path: string;
  readonly query?: Readonly<Record<string, string | readonly string[] | null>>;
  readonly headers: Record<string, string>;
  readonly body?: string | Uint8Array | Readable;
}

interface SdkResponse {
  readonly response: {
    readonly statusCode: number;
    readonly reason: string;
    readonly headers: Record<string, string>;
    readonly body: Readable;
  };
}

export interface ProxyHandlerLimits {
  /** Milliseconds to connect. */
  readonly connectionTimeout: number;
  /** Milliseconds until the response begins, and between its parts. */
  readonly requestTimeout: number;
}

/** A request handler of the AWS SDK that heeds HTTPS_PROXY, HTTP_PROXY and NO_PROXY, which the SDK's own does not. */
export class ProxyHandler {
  readonly metadata = { handlerProtocol: 'http/1.1' };
  readonly #limits: ProxyHandlerLimits;
  readonly #undici: typeof undici;
  readonly #dispatcher: undici.Dispatcher;

  constructor(limits: ProxyHandlerLimits) {
    this.#limits = limits;
    // When it is needed: it takes a twentieth of a second to load.
    this.#undici = createRequire(import.meta.url)('undici') as typeof undici;
    // TLS sessions are not kept: a server that fails to resume one would fail every new connection.
    const tls = { timeout: limits.connectionTimeout, maxCachedSessions: 0 };
    this.#dispatcher = new this.#undici.EnvHttpProxyAgent({
      ...{ connect: tls, requestTls: tls, proxyTls: tls, noProxy: noProxy() },
    });
  }

  async handle(
    request: SdkRequest,
    { abortSignal }: { readonly abortSignal?: unknown } = {},
  ): Promise<SdkResponse> {
    const { protocol, hostname, port, path, query, method, headers, body } = request;
    const { requestTimeout } = this.#limits;
    const url = new URL(`${protocol}//${hostname}${port === undefined ? '' : `:${port}`}${path}`);
    for (const [name, values] of Object.entries(query ?? {})) {
      for (const value of [values ?? ''].flat()) url.searchParams.append(name, value);
    }
    try {
      const response = await this.#undici.request(url, {
        ...{ dispatcher: this.#dispatcher, method, headers, body: body ?? null },
        ...{ headersTimeout: requestTimeout, bodyTimeout: requestTimeout },
        ...(abortSignal instanceof AbortSignal ? { signal: abortSignal } : {}),
      });
      const lines = Object.entries(response.headers).map(([name, value]) => [
        name,
        [value].flat().join(', '),
      ]);
      const { statusCode, statusText: reason, body: stream } = response;
      const fields = Object.fromEntries(lines) as Record<string, string>;
      return { response: { statusCode, reason, headers: fields, body: stream } };
    } catch (error) {
      throw asSdkError(error);
    }
  }

  /** The SDK's `requestHandler` must have it; there is nothing to set. */
  updateHttpClientConfig(): void {
    // As it was made.
  }

  httpHandlerConfigs(): object {
    return {};
  }

  destroy(): void {
    void this.#dispatcher.destroy();
  }
}

/** With the names and codes that the SDK knows as those of connections, and tries again. */
function asSdkError(error: unknown): unknown {
  if (!(error instanceof Error)) return error;
  const code = textProperty(error, 'code') ?? '';
  if (/^UND_ERR_\w+_TIMEOUT$/.test(code)) {
    return Object.assign(new Error(error.message, { cause: error }), {
      name: 'TimeoutError',
      code: 'ETIMEDOUT',
    });
  }
  if (code === 'UND_ERR_SOCKET') {
    return Object.assign(new Error(error.message, { cause: error }), { code: 'ECONNRESET' });
  }
  return error;
}
