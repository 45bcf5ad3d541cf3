import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { contentType } from '../../observe/exposition.ts';
import { S2nPkeyError } from '../../errors.ts';

/** What the endpoint asks the service for. */
export interface Observed {
  metrics(): string;
  isReady(): boolean;
}

/**
 * Serves `/metrics`, `/livez` and `/readyz` at an address such as `127.0.0.1:9464`.
 *
 * @throws S2nPkeyError `ERR_S2N_PKEY_USAGE` if it cannot listen there.
 */
export async function openEndpoint(address: string, observed: Observed): Promise<Server> {
  const [, host = '', port = ''] = /^\[?(.*?)\]?:(\d+)$/.exec(address) ?? [];
  const server = createServer({ requestTimeout: 5_000, headersTimeout: 5_000 }, (request, response) => {
    const answer = (status: number, text: string, type = 'text/plain; charset=utf-8'): void => {
      response.writeHead(status, { 'content-type': type, 'cache-control': 'no-store' });
      response.end(request.method === 'HEAD' ? '' : text);
    };
    const path = (request.url ?? '').replace(/\?.*$/, '');
    if (request.method !== 'GET' && request.method !== 'HEAD') answer(405, 'GET only\n');
    else if (path === '/metrics') answer(200, observed.metrics(), contentType);
    else if (path === '/livez') answer(200, 'live\n');
    else if (path !== '/readyz') answer(404, 'there are /metrics, /livez and /readyz\n');
    else if (observed.isReady()) answer(200, 'ready: signed within the last minute\n');
    else answer(503, 'not ready: no signature within the last minute\n');
  });
  server.maxConnections = 64;
  server.listen(Number(port), host);
  try {
    await once(server, 'listening');
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new S2nPkeyError('ERR_S2N_PKEY_USAGE', `--metrics cannot listen at ${address} (${why})`, { cause });
  }
  return server.unref();
}
