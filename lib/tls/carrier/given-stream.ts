import type { Socket } from 'node:net';
import { descriptorOf } from '../node/node-internals.ts';
import { DuplexBridge } from './duplex-bridge.ts';
import { SocketTransport } from './socket-transport.ts';
import type { Transport } from './transport.ts';

/**
 * Creates the transport for the stream of a server's `'connection'` event: a socket that Node accepted, or any Duplex that
 * the application passed to `server.emit('connection', stream)`. Bytes that the stream has buffered for reading come first.
 * Bytes that were written to it, such as the answer to CONNECT, are sent before the first record.
 *
 * @throws S2nPkeyError `ERR_S2N_PKEY_RESOURCES` if no descriptor is left for a bridge.
 */
export function transportOf(stream: Socket): Transport {
  const fd = descriptorOf(stream);
  if (fd === undefined || stream.connecting || stream.readableLength > 0) return new DuplexBridge(stream);
  return new SocketTransport(stream, fd);
}
