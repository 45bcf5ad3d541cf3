import type { Server } from 'node:net';
import type { ServerContexts } from '../context/server-contexts.ts';
import type { TicketKeySeed } from '../context/ticket-keys.ts';

/** What travels with cluster's request for a handle, and is kept by the primary for the handle's other workers. */
interface SharedData {
  readonly s2nPkeyTicketKeys?: TicketKeySeed;
}

/**
 * Workers of a cluster resume each other's sessions: the first one that listens on an address hands its seed to the others, by
 * the way on which node:tls shares its own keys (`_getServerData` in Node's lib/internal/cluster/child.js).
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
