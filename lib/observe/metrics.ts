/**
 * All metrics. Prometheus and OpenTelemetry have the same ones: a name here is OpenTelemetry's without `s2n_pkey.`,
 * and Prometheus's name follows from it by the rules of OpenTelemetry's own exporter (unit and `_total` at the end), so that
 * one dashboard works for both.
 */
export type MetricKind = 'counter' | 'gauge' | 'histogram';

export interface Metric {
  readonly name: string;
  readonly kind: MetricKind;
  /** A unit of UCUM; `{…}` is a count of things. */
  readonly unit: string;
  readonly help: string;
  /** The label names of each series, in order. */
  readonly labels: readonly string[];
}

function metric(
  kind: MetricKind,
  name: string,
  unit: string,
  labels: readonly string[],
  help: string,
): Metric {
  return { kind, name, unit, labels, help };
}

/** Metrics that are measured from the channels' messages. */
export const eventMetrics = {
  handshakes: metric(
    'counter',
    'handshakes',
    '{handshake}',
    ['side', 'outcome', 'handshake', 'protocol', 'group'],
    'TLS handshakes that ended, by outcome (ok, or the code of the error), full or resumed, protocol and group.',
  ),
  handshakeDuration: metric(
    'histogram',
    'handshake.duration',
    's',
    ['side', 'result', 'handshake'],
    'Time from an accepted (or connected) TCP connection to the end of its TLS handshake. result: ok or error.',
  ),
  handshakesInFlight: metric(
    'gauge',
    'handshakes.in_flight',
    '{handshake}',
    ['side'],
    'TLS handshakes that have begun and not ended.',
  ),
  signatures: metric(
    'counter',
    'signatures',
    '{signature}',
    ['outcome', 'scheme'],
    'Signatures that signers were asked for, by outcome (ok, or the code of the error).',
  ),
  signatureDuration: metric(
    'histogram',
    'signature.duration',
    's',
    ['result'],
    'Time that a signer took, retries included. result: ok or error.',
  ),
  signatureQueue: metric(
    'histogram',
    'signature.queue',
    's',
    [],
    "Time that a signature waited in the server's own queue before its signer was asked.",
  ),
  signaturesInFlight: metric(
    'gauge',
    'signatures.in_flight',
    '{signature}',
    [],
    'Signatures that signers were asked for and have not answered.',
  ),
  kmsAttempts: metric(
    'counter',
    'kms.attempts',
    '{request}',
    ['outcome'],
    'Requests to KMS, retries and hedges included, by outcome (ok, or the name of the error).',
  ),
  kmsAttemptDuration: metric(
    'histogram',
    'kms.attempt.duration',
    's',
    ['result'],
    'Time of one request to KMS. result: ok or error.',
  ),
  kmsQueue: metric('histogram', 'kms.queue', 's', [], 'Time that a request to KMS waited for a connection.'),
  kmsRetries: metric('counter', 'kms.retries', '{request}', [], 'Requests to KMS after a failed first one.'),
  kmsHedges: metric(
    'counter',
    'kms.hedges',
    '{request}',
    [],
    'Requests to KMS beside one that had not answered in time.',
  ),
  kmsThrottles: metric(
    'counter',
    'kms.throttles',
    '{request}',
    [],
    'Requests that KMS refused by its quota.',
  ),
} as const;

/** Metrics that are read when they are collected. */
export const stateMetrics = {
  connections: metric(
    'gauge',
    'engine.connections',
    '{connection}',
    ['state'],
    'Connections of the engine, by state.',
  ),
  operations: metric(
    'gauge',
    'engine.operations',
    '{operation}',
    [],
    'Private-key operations that have begun and not ended.',
  ),
  descriptors: metric(
    'gauge',
    'engine.descriptors',
    '{descriptor}',
    [],
    'Descriptors that the engine holds; the end of each open connection that Node has is not among them.',
  ),
  threads: metric('gauge', 'engine.threads', '{thread}', [], 'Threads of the engine.'),
  cpu: metric('counter', 'engine.cpu', 's', [], 'CPU time of all threads of the engine.'),
  arena: metric(
    'gauge',
    'engine.arena',
    'By',
    ['kind'],
    "Memory of s2n-tls and AWS-LC: in use, locked against swapping, and beyond the process's limit of locked memory.",
  ),
  certificateExpiry: metric(
    'gauge',
    'certificate.expiry_timestamp',
    's',
    ['servername', 'fingerprint', 'key_arn'],
    'When a certificate that is served now expires, in seconds since 1970.',
  ),
  ticketKeysHeld: metric(
    'gauge',
    'ticket_keys.held_until_timestamp',
    's',
    [],
    "Until when a fleet's ticket keys last without their source, in seconds since 1970; 0 while the machine's own encrypt.",
  ),
  ticketKeysSuccess: metric(
    'gauge',
    'ticket_keys.success_timestamp',
    's',
    [],
    "When the source of a fleet's ticket keys last gave all that was missing, in seconds since 1970; 0 before that.",
  ),
  ticketKeysClock: metric(
    'gauge',
    'ticket_keys.clock_ahead',
    's',
    [],
    "By how much this machine's clock is ahead of that of the source of a fleet's ticket keys.",
  ),
} as const;

/** Only in the metrics of a cluster. */
export const clusterWorkers = metric(
  'gauge',
  'cluster.workers',
  '{worker}',
  ['state'],
  'Workers of the cluster that answered this time, or were late and are counted as they were before.',
);

/** Upper bounds of the buckets of every histogram, in seconds. A KMS signature takes some milliseconds in its own Region. */
export const defaultBuckets: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

const unitSuffixes: Readonly<Record<string, string>> = { s: '_seconds', By: '_bytes' };

/** `handshake.duration` in `s` is `s2n_pkey_handshake_duration_seconds`. */
export function prometheusName({ name, unit, kind }: Metric): string {
  const total = kind === 'counter' ? '_total' : '';
  return `s2n_pkey_${name.replaceAll('.', '_')}${unitSuffixes[unit] ?? ''}${total}`;
}
