import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { createServer as createTcpServer, type AddressInfo, type Socket } from 'node:net';
import type { Exchange, HttpResponse, Transport } from '../../../../lib/signers/kms/signing/transport.ts';

/** A service that answers when it is told to, and counts. */
export class HeldService {
  readonly #server: Server;
  readonly #held: (() => void)[] = [];
  hold = false;
  connections = 0;
  closed = 0;
  requests = 0;

  constructor(keepAliveTimeout = 0) {
    this.#server = createServer((request, response) => {
      this.requests += 1;
      request.resume();
      const answer = (): void => void response.end('{}');
      if (this.hold) this.#held.push(answer);
      else answer();
    });
    this.#server.keepAliveTimeout = keepAliveTimeout;
    this.#server.on('connection', (socket: Socket) => {
      this.connections += 1;
      socket.on('close', () => (this.closed += 1));
    });
  }

  async listen(host = '127.0.0.1', port = 0): Promise<number> {
    this.#server.listen(port, host);
    await once(this.#server, 'listening');
    return (this.#server.address() as AddressInfo).port;
  }

  release(): void {
    for (const answer of this.#held.splice(0)) answer();
  }

  close(): void {
    this.#server.close();
    this.#server.closeAllConnections();
  }
}

export interface Asked {
  readonly exchange: Exchange;
  readonly response: Promise<HttpResponse>;
  stale: boolean | undefined;
  sentAt: number | undefined;
}

export function send(transport: Transport, host = 'kms'): Asked {
  const { promise, resolve, reject } = deferred<HttpResponse>();
  const request = { headers: ['host', host], body: '{}' };
  const asked: Asked = {
    exchange: transport.send(request, {
      sent: () => (asked.sentAt = performance.now()),
      answered: resolve,
      failed: (error, stale) => {
        asked.stale = stale;
        reject(error);
      },
    }),
    response: promise,
    stale: undefined,
    sentAt: undefined,
  };
  promise.catch(() => undefined);
  return asked;
}

function deferred<T>(): { promise: Promise<T>; resolve: (value: T) => void; reject: (error: Error) => void } {
  let resolve: (value: T) => void = () => undefined;
  let reject: (error: Error) => void = () => undefined;
  const promise = new Promise<T>((one, other) => {
    resolve = one;
    reject = other;
  });
  return { promise, resolve, reject };
}

/** A server of any protocol on loopback, which is given each connection. */
export async function rawServer(
  onConnection: (socket: Socket) => void,
): Promise<{ port: number; close: () => void }> {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket.on('error', () => undefined));
    onConnection(socket);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const close = (): void => {
    server.close();
    for (const socket of sockets) socket.destroy();
  };
  return { port: (server.address() as AddressInfo).port, close };
}
