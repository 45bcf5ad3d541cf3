import { histogramLines, valueLines } from '../../observe/exposition.ts';
import { defaultBuckets, type Metric } from '../../observe/metrics.ts';
import { Distribution, Family, Value } from '../../observe/series.ts';
import type { ServedSignature } from '../../signers/socket/socket-signer.ts';
import type { Readiness } from './readiness.ts';

function metric(kind: Metric['kind'], name: string, unit: string, labels: string[], help: string): Metric {
  return { kind, name: `signer.${name}`, unit, labels, help };
}

/** Every metric of the service. */
export const serviceMetrics = {
  signatures: metric(
    'counter',
    'signatures',
    '{signature}',
    ['outcome', 'scheme', 'uid'],
    'Signatures that clients asked for, by outcome (ok, or the code of the error), scheme and user.',
  ),
  duration: metric('histogram', 'signature.duration', 's', ['result'], 'Time from request to answer.'),
  queue: metric('histogram', 'signature.queue', 's', [], 'Time of it that was spent in the queue.'),
  connections: metric('gauge', 'connections', '{connection}', [], 'Clients that are connected.'),
  refused: metric('counter', 'refused', '{connection}', [], 'Connections of users that may not sign.'),
  reloads: metric('counter', 'reloads', '{reload}', ['outcome'], 'Reloads, by outcome (ok or error).'),
  probes: metric('counter', 'probes', '{signature}', ['outcome'], 'Signatures of its own, by outcome.'),
  lastSuccess: metric(
    'gauge',
    'last_success_timestamp',
    's',
    [],
    'When the last signature was made, in seconds since 1970.',
  ),
  ready: metric('gauge', 'ready', '1', [], '1 if a signature was made within the last minute, else 0.'),
} as const;

/** Counts what the service does. */
export class ServiceMetrics {
  readonly #signatures = new Family((labels) => new Value(labels));
  readonly #durations = new Family((labels) => new Distribution(labels, defaultBuckets));
  readonly #queue = new Distribution([], defaultBuckets);
  readonly #refused = new Value([]);
  readonly #reloads = new Family((labels) => new Value(labels));
  readonly #probes = new Family((labels) => new Value(labels));
  readonly #readiness: Readiness;

  constructor(readiness: Readiness) {
    this.#readiness = readiness;
  }

  signature({ outcome, scheme, peer, durationMs, queuedMs }: ServedSignature): void {
    const uid = peer === undefined ? '' : String(peer.uid);
    this.#signatures.of([outcome, scheme ?? '', uid]).value++;
    this.#durations.of([outcome === 'ok' ? 'ok' : 'error']).record(durationMs / 1_000);
    if (queuedMs !== undefined) this.#queue.record(queuedMs / 1_000);
  }

  refused(): void {
    this.#refused.value++;
  }

  reload(outcome: 'ok' | 'error'): void {
    this.#reloads.of([outcome]).value++;
  }

  probe(outcome: 'ok' | 'error'): void {
    this.#probes.of([outcome]).value++;
  }

  text(connections: number): string {
    const { lastSuccess, isReady } = this.#readiness;
    const one = (value: number): { labels: string[]; value: number }[] => [{ labels: [], value }];
    return [
      valueLines(serviceMetrics.signatures, this.#signatures.all),
      histogramLines(serviceMetrics.duration, this.#durations.all, defaultBuckets),
      histogramLines(serviceMetrics.queue, [this.#queue], defaultBuckets),
      valueLines(serviceMetrics.connections, one(connections)),
      valueLines(serviceMetrics.refused, [this.#refused]),
      valueLines(serviceMetrics.reloads, this.#reloads.all),
      valueLines(serviceMetrics.probes, this.#probes.all),
      valueLines(serviceMetrics.lastSuccess, lastSuccess === undefined ? [] : one(lastSuccess / 1_000)),
      valueLines(serviceMetrics.ready, one(isReady ? 1 : 0)),
    ].join('');
  }
}
