import { once } from 'node:events';
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { Agent, request, type RequestOptions, type Server, type ServerOptions } from 'node:https';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { close, connectTls, listen, readAll } from '../fixtures/peers.ts';
import { EventLog, meaning, scenario } from './scenario.ts';
import { trusted, type Implementation } from './servers.ts';
import { needs } from '../fixtures/needs.ts';

/** Sends a request to the server under test. */
type Ask = (more?: RequestOptions, body?: Buffer) => Promise<IncomingMessage>;

/** A server, and a way to ask it. */
async function site(
  implementation: Implementation,
  listener: RequestListener,
  options: ServerOptions = {},
): Promise<{ server: Server; port: number; ask: Ask }> {
  const server = implementation.createHttpsServer(options, listener);
  const port = await listen(server);
  const ask = async (more: RequestOptions = {}, body?: Buffer): Promise<IncomingMessage> => {
    const outgoing = request({
      port,
      host: '127.0.0.1',
      servername: 'localhost',
      ca: trusted,
      agent: false,
      ...more,
    });
    outgoing.end(body);
    return ((await once(outgoing, 'response')) as [IncomingMessage])[0];
  };
  return { server, port, ask };
}

describe('The same as node:https', () => {
  scenario('a request and its answer, with headers, trailers and body', async (implementation) => {
    const { server, ask } = await site(implementation, (req, res) => {
      void readAll(req).then((body) => {
        res.writeHead(201, { 'x-answer': '1', trailer: 'x-sum' });
        res.write(`${req.method ?? ''} ${req.url ?? ''} ${body.length}`);
        res.addTrailers({ 'x-sum': '42' });
        res.end();
      });
    });
    const response = await ask({ method: 'POST', path: '/path?query' }, Buffer.alloc(300_000));
    const text = (await readAll(response)).toString();
    await close(server);
    return { text, status: response.statusCode, trailers: response.trailers, version: response.httpVersion };
  });

  scenario('several requests on one kept connection', async (implementation) => {
    const ports = new Set<number | undefined>();
    const { server, ask } = await site(implementation, (req, res) => {
      ports.add(req.socket.remotePort);
      res.end('x');
    });
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    for (let i = 0; i < 4; i++) await readAll(await ask({ agent }));
    agent.destroy();
    await close(server);
    return { connections: ports.size };
  });

  scenario('a client that aborts its upload', async (implementation) => {
    const log = new EventLog();
    const errors: string[] = [];
    let listener: RequestListener = () => undefined;
    const over = new Promise<void>((resolve) => {
      listener = (req, res): void => {
        log.watch(req, 'request', ['aborted', 'error', 'close']);
        log.watch(res, 'response', ['close', 'finish', 'error']);
        req.on('error', (error) => errors.push(meaning(error)));
        req.on('data', () => client.destroy());
        req.socket.on('close', () => setImmediate(resolve));
      };
    });
    const { server, port } = await site(implementation, (req, res) => listener(req, res));
    const client = await connectTls(port);
    client.write('POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nsome');
    await over;
    await close(server);
    return { events: log.names, errors };
  });

  scenario('a client that goes while it is answered', async (implementation) => {
    const log = new EventLog();
    const { server, ask } = await site(implementation, (_req, res) => {
      log.watch(res, 'response', ['close', 'finish']);
      res.write(Buffer.alloc(5_000_000));
    });
    const answered = once(server, 'request') as Promise<[unknown, ServerResponse]>;
    const response = await ask();
    const [, outgoing] = await answered;
    const over = once(outgoing, 'close');
    response.destroy();
    await over;
    await close(server);
    return { events: log.names };
  });

  scenario('bad HTTP is answered with 400 and clientError', async (implementation) => {
    const { server, port } = await site(implementation, (_req, res) => res.end());
    const failed: string[] = [];
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      failed.push(error.code ?? '');
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n');
    });
    const client = await connectTls(port);
    client.write('this is no HTTP\r\n\r\n');
    const text = (await readAll(client)).toString();
    await close(server);
    return { text, failed };
  });

  scenario('headers that never come end in 408 at headersTimeout', async (implementation) => {
    const { server, port } = await site(implementation, (_req, res) => res.end(), {
      headersTimeout: 50,
      requestTimeout: 50,
      connectionsCheckingInterval: 10,
    });
    const client = await connectTls(port);
    client.write('GET / HTTP/1.1\r\nHost: lo');
    const text = (await readAll(client)).toString();
    await close(server);
    return { text };
  });

  scenario('an idle connection ends at keepAliveTimeout', async (implementation) => {
    const { server, port } = await site(implementation, (_req, res) => res.end('x'), {
      keepAliveTimeout: 20,
      keepAliveTimeoutBuffer: 0,
    } as ServerOptions);
    const client = await connectTls(port);
    client.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const text = (await readAll(client)).toString().replace(/Date: .*\r\n/, '');
    await close(server);
    return { text };
  });

  scenario('upgrade hands over the socket', async (implementation) => {
    const { server, port } = await site(implementation, (_req, res) => res.end());
    server.on('upgrade', (_req, socket, head) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n');
      socket.unshift(head);
      socket.pipe(socket);
    });
    const client = await connectTls(port);
    client.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: echo\r\n\r\nfirst ');
    client.end('and second');
    const text = (await readAll(client)).toString();
    await close(server);
    return { text: text.split('\r\n\r\n')[1] };
  });

  describe('curl', () => {
    needs('curl');
    for (const version of ['--http1.1', '--http2'] as const) {
      scenario(`${version}: GET, POST and HEAD`, async (implementation) => {
        const { server, port } = await site(implementation, (req, res) => {
          void readAll(req).then((body) =>
            res.end(`${req.method ?? ''} ${req.httpVersion} ${body.length}\n`),
          );
        });
        const folder = mkdtempSync(join(tmpdir(), 's2n-pkey-curl-'));
        const file = join(folder, 'trusted.pem');
        writeFileSync(file, trusted);
        const url = `https://localhost:${port}/`;
        const common = ['-q', '-sS', version, '--cacert', file, '--noproxy', '*', '-4'];
        const curl = async (...args: string[]): Promise<string> =>
          (await promisify(execFile)('curl', [...common, ...args])).stdout;
        const texts = [
          await curl(url),
          await curl('--data-binary', 'x'.repeat(70_000), url),
          (await curl('--head', url)).replace(/^Date: .*\r\n/im, ''),
        ];
        rmSync(folder, { recursive: true });
        await close(server);
        return { texts };
      });
    }
  });
});
