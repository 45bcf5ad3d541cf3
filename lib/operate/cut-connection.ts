import type { Server } from 'node:net';
import { readsRequests, responseOf } from '../tls/node/idle-connections.ts';
import type { ServerConnection } from '../tls/server/server-connections.ts';

/** A connection that `drain` cut off. */
export interface CutConnection {
  /** Undefined for a Unix socket, and during the handshake. */
  readonly remoteAddress: string | undefined;
  readonly remotePort: number | undefined;
  /** As ALPN selected it; undefined without ALPN. */
  readonly alpnProtocol: string | undefined;
  /**
   * What it was used for. `'handshake'`: it was not secure yet. `'request'`: a request, or a part of one, was not answered to
   * the end. `'http2'`: a session with open streams. `'upgraded'`: a WebSocket, or another protocol that replaced HTTP.
   * `'delivery'`: the socket was closed, and the peer had not taken everything. `'connection'`: a protocol of the application.
   */
  readonly use: 'handshake' | 'request' | 'http2' | 'upgraded' | 'delivery' | 'connection';
}

export function describeCut(server: Server, { socket }: ServerConnection): CutConnection {
  const { remoteAddress, remotePort, alpnProtocol } = socket ?? {};
  return {
    remoteAddress,
    remotePort,
    alpnProtocol: typeof alpnProtocol === 'string' ? alpnProtocol : undefined,
    use: useOf(server, socket),
  };
}

function useOf(server: Server, socket: ServerConnection['socket']): CutConnection['use'] {
  if (!socket) return 'handshake';
  if (socket.destroyed) return 'delivery';
  if (socket.alpnProtocol === 'h2') return 'http2';
  if (responseOf(socket) || readsRequests(socket)) return 'request';
  return 'closeIdleConnections' in server ? 'upgraded' : 'connection';
}
