import type { Server } from 'node:net';
import { diagnostics } from '../tls/context/diagnostics.ts';
import { fleetStates } from '../tls/context/fleet-ticket-keys.ts';
import { servedCertificates } from '../tls/server/served-certificates.ts';
import { stateMetrics, type Metric } from './metrics.ts';

/** One value of a metric that is read when collected. */
export interface StateValue {
  readonly metric: Metric;
  readonly labels: readonly string[];
  readonly value: number;
}

/** Servers whose certificates are reported. They are held weakly. */
export class WatchedServers {
  readonly #servers = new Map<number, WeakRef<Server>>();
  readonly #known = new WeakSet<Server>();
  #next = 0;

  /** @throws InvalidOptionError unless `createServer` created or `attach` secured the server. */
  add(server: Server): void {
    servedCertificates(server);
    if (this.#known.has(server)) return;
    this.#known.add(server);
    this.#servers.set(this.#next++, new WeakRef(server));
  }

  /** The expiry of each certificate that is served now. */
  expiries(): StateValue[] {
    const values = new Map<string, StateValue>();
    for (const [id, reference] of this.#servers) {
      const server = reference.deref();
      if (!server) this.#servers.delete(id);
      for (const { servername = '', fingerprint, keyArn = '', notAfter } of server
        ? servedCertificates(server)
        : []) {
        const labels = [servername, fingerprint, keyArn];
        const value = notAfter.getTime() / 1000;
        values.set(labels.join('\n'), { metric: stateMetrics.certificateExpiry, labels, value });
      }
    }
    return [...values.values()];
  }
}

/** The engine's own counts. It waits for the engine's threads, some tens of microseconds. */
export function engineState(): StateValue[] {
  const state = diagnostics();
  const value = (metric: Metric, amount: number, ...labels: string[]): StateValue => ({
    metric,
    labels,
    value: amount,
  });
  const { connections, operations, descriptors, threads, cpu, arena } = stateMetrics;
  return [
    value(connections, state.handshaking, 'handshaking'),
    value(connections, state.awaitingSignature, 'awaiting_signature'),
    value(connections, state.open, 'open'),
    value(connections, state.silent, 'silent'),
    value(connections, state.lingering, 'lingering'),
    value(operations, state.operations),
    value(descriptors, state.descriptors),
    value(threads, state.threads),
    value(cpu, state.cpuNanoseconds / 1e9),
    value(arena, state.arenaBytesInUse, 'in_use'),
    value(arena, state.arenaBytesLocked, 'locked'),
    value(arena, state.arenaBytesUnlocked, 'unlocked'),
    ...ticketKeysState(),
  ];
}

/** Of a fleet's ticket keys: where there are several, of those that are worst off. Nothing where there are none. */
function ticketKeysState(): StateValue[] {
  const fleets = fleetStates();
  if (fleets.length === 0) return [];
  const earliest = (times: readonly (Date | undefined)[]): number =>
    Math.min(...times.map((time) => (time?.getTime() ?? 0) / 1000));
  const { ticketKeysHeld, ticketKeysSuccess, ticketKeysClock } = stateMetrics;
  const ahead = fleets.flatMap(({ clockAhead }) => (clockAhead === undefined ? [] : [clockAhead / 1000]));
  const worst = ahead.sort((a, b) => Math.abs(b) - Math.abs(a)).slice(0, 1);
  return [
    { metric: ticketKeysHeld, labels: [], value: earliest(fleets.map(({ heldUntil }) => heldUntil)) },
    { metric: ticketKeysSuccess, labels: [], value: earliest(fleets.map(({ lastSuccess }) => lastSuccess)) },
    ...worst.map((value) => ({ metric: ticketKeysClock, labels: [], value })),
  ];
}
