import cluster from 'node:cluster';
import type { MetricsSnapshot } from './snapshot.ts';

/** Node hides messages with `cmd: 'NODE_…'` from listeners of the application. */
export const metricsCommand = 'NODE_S2N_PKEY_METRICS';

/** From the primary: `ask` requests an answer; `every` is the interval of the worker's reports, in milliseconds. */
export interface MetricsRequest {
  readonly cmd: typeof metricsCommand;
  readonly ask?: number;
  readonly every?: number;
}

/** From a worker. Without a snapshot, it announces that it has metrics. */
export interface MetricsReport {
  readonly cmd: typeof metricsCommand;
  readonly answers?: number | undefined;
  readonly snapshot?: MetricsSnapshot;
}

/** In a worker of a cluster: reports what `take` returns to the primary. Returns a function that stops it. */
export function reportToPrimary(take: () => MetricsSnapshot): () => void {
  if (!cluster.isWorker) return () => undefined;
  let timer: NodeJS.Timeout | undefined;
  const report = (answers?: number): void => send({ cmd: metricsCommand, answers, snapshot: take() });
  const last = (): void => report();
  const hear = (message: unknown): void => {
    const { cmd, ask, every } = Object(message) as Partial<MetricsRequest>;
    if (cmd !== metricsCommand) return;
    if (ask !== undefined) report(ask);
    if (every === undefined || timer) return;
    timer = setInterval(() => report(), every).unref();
    process.once('exit', last);
  };
  const channel: NodeJS.EventEmitter = process;
  channel.on('internalMessage', hear);
  send({ cmd: metricsCommand });
  return () => {
    clearInterval(timer);
    channel.off('internalMessage', hear);
    process.off('exit', last);
  };
}

function send(message: MetricsReport): void {
  if (process.connected) process.send?.(message, undefined, undefined, () => undefined);
}
