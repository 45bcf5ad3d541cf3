import { once } from 'node:events';
import {
  createSecureServer,
  type Http2SecureServer,
  type Http2ServerRequest,
  type Http2ServerResponse,
} from 'node:http2';
import type { AddressInfo } from 'node:net';
import { connect } from 'node:tls';
import { attach } from '../../../tls/server/attach.ts';
import type { TlsSocket } from '../../../tls/socket/tls-socket.ts';
import type { LoggedSign, SignLog } from './sign-log.ts';
import { icon, page } from './page.ts';
import { script } from './script.ts';
import { style } from './style.ts';

/** What the page tells that does not change. */
export interface SiteFacts {
  /** Which KMS, in few words. */
  readonly where: string;
  readonly key: { readonly arn: string; readonly description: string };
  /** PEM. */
  readonly certificate: string;
  /** As text. */
  readonly certificateText: string;
}

const assets: Record<string, { type: string; body: string } | undefined> = {
  '/': { type: 'text/html; charset=utf-8', body: page },
  '/style.css': { type: 'text/css; charset=utf-8', body: style },
  '/script.js': { type: 'text/javascript; charset=utf-8', body: script },
  '/icon.svg': { type: 'image/svg+xml', body: icon },
};

/**
 * The server of `s2n-pkey demo --serve`, over HTTP/2 and HTTP/1.1: a page that shows the connection it came by, the certificate, the
 * key, and each Sign call as it happens.
 */
export class DemoSite {
  readonly server: Http2SecureServer;
  readonly #facts: SiteFacts;
  readonly #signs: SignLog;
  readonly #open = new Set<Http2ServerResponse>();
  readonly #connections = new Set<TlsSocket>();

  constructor(facts: SiteFacts, signs: SignLog) {
    this.#facts = facts;
    this.#signs = signs;
    this.server = attach(
      createSecureServer({ allowHTTP1: true }, (request, response) => {
        this.#answer(request, response).catch((error: unknown) => response.destroy(error as Error));
      }),
      { cert: facts.certificate, signer: signs },
    );
    this.server.on('secureConnection', (socket: TlsSocket) => {
      this.#connections.add(socket);
      socket.on('close', () => this.#connections.delete(socket));
    });
    signs.on('sign', (call: LoggedSign) => {
      for (const response of this.#open) response.write(event('sign', call));
    });
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  /** Resolves to the port. */
  async listen(port: number, host: string): Promise<number> {
    this.server.listen(port, host);
    await once(this.server, 'listening');
    return this.port;
  }

  /** Pages keep theirs open for ever. */
  endConnections(): void {
    for (const socket of this.#connections) socket.destroy();
  }

  async #answer(request: Http2ServerRequest, response: Http2ServerResponse): Promise<void> {
    const asked = `${request.method} ${request.url}`;
    const asset = request.method === 'GET' ? assets[request.url] : undefined;
    if (asset !== undefined) send(response, asset.type, asset.body);
    else if (asked === 'GET /facts') send(response, 'application/json', JSON.stringify(this.#told(request)));
    else if (asked === 'GET /events') this.#stream(response);
    else if (asked === 'POST /handshake') {
      await this.#handshake();
      response.writeHead(204).end();
    } else response.writeHead(404).end();
  }

  #told(request: Http2ServerRequest): object {
    const { where, key, certificateText: certificate } = this.#facts;
    return { where, key, certificate, connection: connectionOf(request) };
  }

  /** Server-sent events: the calls so far, and then each as it happens. */
  #stream(response: Http2ServerResponse): void {
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    response.write(this.#signs.past.map((call) => event('past', call)).join('') || ': none yet\n\n');
    this.#open.add(response);
    response.on('close', () => this.#open.delete(response));
  }

  /** A client of its own, which trusts only the certificate. */
  async #handshake(): Promise<void> {
    const { port } = this;
    const ca = this.#facts.certificate;
    const client = connect({ port, host: '127.0.0.1', servername: 'localhost', ca, ALPNProtocols: ['h2'] });
    try {
      await once(client, 'secureConnect');
    } finally {
      client.destroy();
    }
  }
}

function connectionOf(request: Http2ServerRequest): object {
  // Http2's stand-in for the socket has all of its properties.
  const socket = request.socket as unknown as TlsSocket;
  const timing = socket.handshakeTiming;
  return {
    facts: {
      Protocol: socket.getProtocol(),
      'Cipher suite': socket.getCipher()?.standardName,
      Group: socket.keyExchangeGroup,
      Signature: socket.signatureScheme ?? 'none: the session was resumed',
      ALPN: socket.alpnProtocol || 'none',
      HTTP: request.httpVersion,
      'Server name': socket.servername || 'none',
      From: `${String(socket.remoteAddress)} port ${String(socket.remotePort)}`,
      To: `${String(socket.localAddress)} port ${String(socket.localPort)}`,
    },
    timing: timing && {
      asked: timing.signatureAsked / 1000,
      applied: timing.signatureApplied / 1000,
      done: timing.done / 1000,
    },
  };
}

function event(name: string, data: object): string {
  return `event: ${name}\ndata: ${JSON.stringify(data)}\n\n`;
}

function send(response: Http2ServerResponse, type: string, body: string): void {
  response.writeHead(200, { 'content-type': type, 'cache-control': 'no-store' }).end(body);
}
