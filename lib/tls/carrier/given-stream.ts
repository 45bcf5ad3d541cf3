import type { Socket } from 'node:net';
import { descriptorOf } from '../node/node-internals.ts';
import { DuplexBridge } from './duplex-bridge.ts';
import { SocketTransport } from './socket-transport.ts';
import type { Transport } from './transport.ts';

/**
 * Makes a transport of what came with a server's `'connection'` event: a socket that Node accepted, or what somebody gave to
 * `server.emit('connection', stream)`, a Duplex of any kind. What has been read of it already comes first; what was written
 * to it (the answer to CONNECT) is sent before the first record.
 *
 * @throws S2nPkeyError `ERR_S2N_PKEY_RESOURCES`, when there is no descriptor left for a bridge.
 */
export function transportOf(stream: Socket): Transport {
  const fd = descriptorOf(stream);
  if (fd === undefined || stream.connecting || stream.readableLength > 0) return new DuplexBridge(stream);
  return new SocketTransport(stream, fd);
}
