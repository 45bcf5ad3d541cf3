import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import type { Server } from 'node:net';
import { flag } from '../options/kinds.ts';
import { readOptionsObject, type Schema } from '../options/option.ts';
import { health, readHealthOptions, type HealthOptions } from './health.ts';

export interface HealthHandlerOptions {
  /** Answers with the whole report, ARNs of keys included, and not only with `status`, `reasons` and `warnings`. Default: false. */
  readonly details?: boolean;
}

export const healthHandlerSchema = { details: flag(false) } satisfies Schema;

/**
 * Answers a request for its three paths, and returns true. For any other path it calls `next`, if there is one, and returns
 * false.
 */
export type HealthHandler = (
  request: IncomingMessage | Http2ServerRequest,
  response: ServerResponse | Http2ServerResponse,
  next?: () => void,
) => boolean;

/**
 * Creates a request handler for `/healthz`, `/readyz` and `/livez`, also below a prefix: 200 or 503, with JSON. `/healthz` is
 * readiness; `/healthz?live` is as `/livez`.
 *
 * @param of One server, or `{ servers, signers, … }`.
 * @throws InvalidOptionError, naming the option.
 */
export function healthHandler(of: Server | HealthOptions, options: HealthHandlerOptions = {}): HealthHandler {
  readHealthOptions(of);
  const { details } = readOptionsObject(healthHandlerSchema, options, 'an object such as { details: true }');
  return (request, response, next) => {
    const { originalUrl, url = '' } = request as { originalUrl?: string; url?: string };
    const [path = '', query = ''] = (originalUrl ?? url).split('?');
    const name = /\/(healthz|readyz|livez)$/.exec(path)?.[1];
    if (name === undefined) {
      next?.();
      return false;
    }
    answer(request, response as ServerResponse, () => {
      const report = health(of);
      const { status, reasons, warnings, live, ready } = report;
      const asksLive = name === 'livez' || (name === 'healthz' && new URLSearchParams(query).has('live'));
      return [asksLive ? live : ready, details ? report : { status, live, ready, reasons, warnings }];
    });
    return true;
  };
}

function answer(
  { method }: IncomingMessage | Http2ServerRequest,
  response: ServerResponse,
  look: () => [isFine: boolean, body: object],
): void {
  const headers = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store' };
  if (method !== 'GET' && method !== 'HEAD') {
    response.writeHead(405, { ...headers, allow: 'GET, HEAD' }).end('{"status":"only GET and HEAD"}\n');
    return;
  }
  const [isFine, body] = look();
  response.writeHead(isFine ? 200 : 503, headers);
  response.end(method === 'HEAD' ? undefined : `${JSON.stringify(body)}\n`);
}
