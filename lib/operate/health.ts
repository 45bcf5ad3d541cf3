import type { Server } from 'node:net';
import { InvalidOptionError } from '../errors.ts';
import { anything, milliseconds } from '../options/kinds.ts';
import { readOptionsObject, type OptionValues, type Schema } from '../options/option.ts';
import type { Signer } from '../signers/signer.ts';
import { diagnostics } from '../tls/context/diagnostics.ts';
import { contextsOf } from '../tls/server/secure-server.ts';
import { servedCertificates } from '../tls/server/served-certificates.ts';
import { isDraining } from './drain.ts';
import { signerHealth, type SignerHealth } from './signer-health.ts';

export type { SignerHealth } from './signer-health.ts';

export interface HealthOptions {
  /** Servers of `createServer` or `createGrpcServer`, or attached ones. Their signers and certificates count, too. */
  readonly servers?: readonly Server[];
  /** Further signers. */
  readonly signers?: readonly Signer[];
  /** Milliseconds that a signature, or a failure, counts for. Default: 60,000. */
  readonly window?: number;
  /**
   * Has each signer sign once when it has not signed for this many milliseconds, and `health` is called. Each costs what a
   * signature costs. At least 10,000. Default: never.
   */
  readonly probeEvery?: number;
}

export const healthSchema = {
  servers: anything<readonly Server[]>({
    ...{ type: 'net.Server[]', expected: 'an array of servers of this package', fallback: [] },
    fits: (value) =>
      Array.isArray(value) && value.every((server) => contextsOf(server as Server) !== undefined),
  }),
  signers: anything<readonly Signer[]>({
    ...{ type: 'Signer[]', expected: 'an array of signers', fallback: [] },
    fits: (value) =>
      Array.isArray(value) &&
      value.every((signer) => typeof (signer as Partial<Signer> | null)?.sign === 'function'),
  }),
  window: milliseconds({ least: 1, fallback: 60_000 }),
  probeEvery: milliseconds({ least: 10_000 }),
} satisfies Schema;

/** A certificate that a server presents now. */
export interface CertificateHealth {
  readonly servername: string | undefined;
  readonly fingerprint: string;
  readonly notAfter: Date;
  /** Whole days until it expires; negative once it has. */
  readonly daysLeft: number;
  /** Whether it is valid now. */
  readonly valid: boolean;
}

export interface ServerHealth {
  readonly listening: boolean;
  readonly draining: boolean;
  readonly certificates: readonly CertificateHealth[];
}

/** A plain object, ready for `JSON.stringify`. */
export interface Health {
  /** `'dead'`: not live. `'draining'`, `'unready'`: live, but not ready. */
  readonly status: 'ready' | 'unready' | 'draining' | 'dead';
  /** The engine answers. False: restart the process. */
  readonly live: boolean;
  /** New connections can be served. False: send them elsewhere. */
  readonly ready: boolean;
  /** Why it is not live, or not ready. */
  readonly reasons: readonly string[];
  /** What somebody should look at, although it is ready. */
  readonly warnings: readonly string[];
  readonly engine: { readonly answers: boolean; readonly threads: number; readonly connections: number };
  readonly servers: readonly ServerHealth[];
  readonly signers: readonly SignerHealth[];
}

const DAY = 86_400_000;

/**
 * Tells whether this process is live, and ready for new connections. It signs nothing unless `probeEvery` says so, and takes
 * some tens of microseconds.
 *
 * @param of One server, or `{ servers, signers, … }`.
 * @param now For tests.
 * @throws InvalidOptionError, naming the option.
 */
export function health(of: Server | HealthOptions, now: () => number = () => performance.now()): Health {
  const { servers, signers, window, probeEvery } = readHealthOptions(of);
  const engine = engineHealth();
  const serverStates = servers.map(serverHealth);
  const allSigners = new Set([...signers, ...servers.flatMap(signersOf)]);
  const signerStates = [...allSigners].map((signer) => signerHealth(signer, window, probeEvery, now()));
  const draining = serverStates.some((server) => server.draining);
  const faults = [
    ...(draining ? ['the server is draining'] : []),
    ...signerStates.flatMap(({ reason }) => reason ?? []),
    ...serverStates.flatMap(({ certificates }) => certificates.flatMap((one) => faultOf(one, true))),
  ];
  const warnings = serverStates.flatMap(({ certificates }) =>
    certificates.flatMap((one) => faultOf(one, false)),
  );
  const live = engine.answers;
  const ready = live && faults.length === 0;
  return {
    status: !live ? 'dead' : draining ? 'draining' : ready ? 'ready' : 'unready',
    live,
    ready,
    reasons: [...(live ? [] : ['the engine does not answer']), ...faults],
    warnings,
    engine,
    servers: serverStates,
    signers: signerStates,
  };
}

/** @throws InvalidOptionError */
export function readHealthOptions(of: Server | HealthOptions): OptionValues<typeof healthSchema> {
  const isServer = typeof of === 'object' && (of as unknown) !== null && 'listening' in of;
  const options: unknown = isServer ? { servers: [of] } : of;
  const expected = 'a server, or an object such as { servers: [server] }';
  const read = readOptionsObject(healthSchema, options, expected);
  if (read.servers.length === 0 && read.signers.length === 0) {
    throw new InvalidOptionError('servers', 'at least one server or signer', read.servers);
  }
  return read;
}

function engineHealth(): Health['engine'] {
  const { stale, threads, handshaking, awaitingSignature, open } = diagnostics();
  return { answers: !stale, threads, connections: handshaking + awaitingSignature + open };
}

function serverHealth(server: Server): ServerHealth {
  const now = Date.now();
  const certificates = servedCertificates(server).map(({ servername, fingerprint, notBefore, notAfter }) => ({
    servername,
    fingerprint,
    notAfter,
    daysLeft: Math.floor((notAfter.getTime() - now) / DAY),
    valid: notBefore.getTime() <= now && now <= notAfter.getTime() + 999,
  }));
  return { listening: server.listening, draining: isDraining(server), certificates };
}

function signersOf(server: Server): Signer[] {
  const served = contextsOf(server)?.served() ?? [];
  return served.flatMap(({ context }) => context.identities.map(({ signer }) => signer));
}

/** `own`: whether to tell of the server's own certificates, which decide whether it is ready, or of those for added names. */
function faultOf({ servername, valid, notAfter }: CertificateHealth, own: boolean): string[] {
  if (valid || (servername === undefined) !== own) return [];
  const which = servername === undefined ? "the server's certificate" : `the certificate for ${servername}`;
  const isOver = notAfter.getTime() < Date.now();
  return [isOver ? `${which} expired on ${notAfter.toISOString()}` : `${which} is not valid yet`];
}
