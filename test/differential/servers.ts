/** The two implementations that are held against each other: node:tls with a key file, and this package with a signer. */
import {
  createServer as createHttpsServer,
  type Server as HttpsServer,
  type ServerOptions as HttpsServerOptions,
} from 'node:https';
import { createServer as createHttpServer, type RequestListener } from 'node:http';
import {
  createSecureServer,
  type Http2SecureServer,
  type SecureServerOptions as Http2Options,
} from 'node:http2';
import type { Server, Socket } from 'node:net';
import { createServer as createNodeTlsServer, type TlsOptions } from 'node:tls';
import { attach, createServer } from '../../lib/index.ts';
import { secureHttpServer } from '../../lib/tls/server/secure-http-server.ts';
import { AsynchronousSigner } from '../fixtures/asynchronous-signer.ts';
import { identity } from '../fixtures/identity.ts';

const { key, cert } = identity('P-256');

/** The certificate that all these servers show, which clients trust. */
export const trusted = cert;

/** What both sides have in common of `tls.TLSSocket` and `TlsSocket`. */
export interface SecureSocket extends Socket {
  readonly encrypted: boolean;
  readonly authorized: boolean;
  readonly alpnProtocol: string | false | null;
  readonly servername?: string | false | null;
  getProtocol(): string | null;
  isSessionReused(): boolean;
}

/** Options that mean the same on both sides. */
export interface CommonOptions {
  readonly ALPNProtocols?: string[];
  readonly handshakeTimeout?: number;
  readonly allowHalfOpen?: boolean;
  readonly pauseOnConnect?: boolean;
}

export interface Implementation {
  readonly name: string;
  createServer(options: CommonOptions, onSecureConnection: (socket: SecureSocket) => void): Server;
  createHttpsServer(options: HttpsServerOptions, listener: RequestListener): HttpsServer;
  createHttp2Server(options: Http2Options): Http2SecureServer;
  /** An https server; with this package a plain http server that `s2n-pkey/register` secures. */
  createRegisteredServer(): Server;
}

export const nodeTls: Implementation = {
  name: 'node:tls with a key file',
  createServer(options, onSecureConnection) {
    return createNodeTlsServer({ key, cert, ...options } as TlsOptions, (socket) => {
      onSecureConnection(socket);
    });
  },
  createHttpsServer(options, listener) {
    return createHttpsServer({ key, cert, ...options }, listener);
  },
  createHttp2Server(options) {
    return createSecureServer({ key, cert, ...options });
  },
  createRegisteredServer() {
    return createHttpsServer({ key, cert });
  },
};

export const s2nPkey: Implementation = {
  name: 's2n-pkey with a signer',
  createServer(options, onSecureConnection) {
    const signer = new AsynchronousSigner(key);
    return createServer({ cert, signer, ...options }, (socket) => {
      onSecureConnection(socket);
    });
  },
  createHttpsServer(options, listener) {
    return attach(createHttpsServer(options, listener), { cert, signer: new AsynchronousSigner(key) });
  },
  createHttp2Server(options) {
    return attach(createSecureServer(options), { cert, signer: new AsynchronousSigner(key) });
  },
  createRegisteredServer() {
    const server = createHttpServer();
    secureHttpServer(server, { cert, signer: new AsynchronousSigner(key) });
    return server;
  },
};

export const implementations: readonly Implementation[] = [nodeTls, s2nPkey];
