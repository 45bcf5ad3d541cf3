import type { Server } from 'node:net';
import type { ServerContexts } from '../context/server-contexts.ts';
import type { TicketKeySeed } from '../context/ticket-keys.ts';

/** Data that cluster sends with a request for a handle. The primary keeps it for the handle's other workers. */
interface SharedData {
  readonly s2nPkeyTicketKeys?: TicketKeySeed;
}

/**
 * Lets the workers of a cluster resume each other's sessions. The first worker that listens on an address passes its seed to
 * the others, in the same way as node:tls shares its keys (`_getServerData` in Node's lib/internal/cluster/child.js).
 */
export function shareTicketKeysInCluster(server: Server, contexts: ServerContexts): void {
  Object.assign(server, {
    _getServerData(): SharedData | undefined {
      const seed = contexts.ticketKeySeed();
      return seed && { s2nPkeyTicketKeys: seed };
    },
    _setServerData(data: SharedData | null | undefined): void {
      const seed = data?.s2nPkeyTicketKeys;
      if (seed) contexts.followTicketKeys(seed);
    },
  });
}
