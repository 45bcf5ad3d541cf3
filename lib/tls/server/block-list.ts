import type { BlockList, Server } from 'node:net';
import type { Address } from '../../native/events.ts';

interface BlockingServer {
  readonly blockList?: BlockList | undefined;
}

/** Node checks addresses (`net.createServer({ blockList })`, from Node 22.13 on) when it creates the socket. */
export function hasBlockList(server: Server): boolean {
  return (server as BlockingServer).blockList !== undefined;
}

/** Whether the server's blockList has this address. A Unix socket has none. */
export function isBlocked(server: Server, { host, family }: Address): boolean {
  if (family === 0) return false;
  return (server as BlockingServer).blockList?.check(host, family === 6 ? 'ipv6' : 'ipv4') ?? false;
}

/** Emits `'drop'`, as Node does for a client on the blockList. */
export function dropBlocked(server: Server, remote: Address, local: Address): void {
  server.emit('drop', {
    localAddress: local.host,
    localPort: local.port,
    localFamily: `IPv${local.family}`,
    remoteAddress: remote.host,
    remotePort: remote.port,
    remoteFamily: `IPv${remote.family}`,
  });
}
