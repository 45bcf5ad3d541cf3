/**
 * Spans and metrics through OpenTelemetry's API, `@opentelemetry/api`, which the application installs.
 *
 * @module s2n-pkey/opentelemetry
 */
import { metrics, trace, type MeterProvider, type TracerProvider } from '@opentelemetry/api';
import { anything } from '../options/kinds.ts';
import { readOptionsObject, type SchemaOf } from '../options/option.ts';
import { meterMeasurements } from './meter.ts';
import { traceChannels } from './spans.ts';

export interface OpenTelemetryOptions {
  /** Default: the registered one. false: no spans. */
  tracerProvider?: TracerProvider | false;
  /** Default: the registered one. false: no metrics. */
  meterProvider?: MeterProvider | false;
}

function hasMethod(value: unknown, name: string): boolean {
  if (typeof value !== 'object' || value === null) return false;
  return typeof (value as Readonly<Record<string, unknown>>)[name] === 'function';
}

export const openTelemetrySchema = {
  tracerProvider: anything<TracerProvider | false | undefined>({
    ...{ type: 'TracerProvider | false', expected: 'a TracerProvider, or false' },
    fits: (value) => value === false || hasMethod(value, 'getTracer'),
  }),
  meterProvider: anything<MeterProvider | false | undefined>({
    ...{ type: 'MeterProvider | false', expected: 'a MeterProvider, or false' },
    fits: (value) => value === false || hasMethod(value, 'getMeter'),
  }),
} satisfies SchemaOf<OpenTelemetryOptions>;

/** Returned by `observeWithOpenTelemetry`. It supports `using`. */
export interface OpenTelemetryObservation extends Disposable {
  /** Stops reporting spans and metrics. */
  close(): void;
}

const scope = 's2n-pkey';

/**
 * Reports spans and metrics of the handshakes, signatures and requests to KMS of this thread.
 *
 * @throws InvalidOptionError, naming the option.
 */
export function observeWithOpenTelemetry(options: OpenTelemetryOptions = {}): OpenTelemetryObservation {
  const { tracerProvider = trace.getTracerProvider(), meterProvider = metrics.getMeterProvider() } =
    readOptionsObject(openTelemetrySchema, options, 'an object such as { tracerProvider }');
  const ends = [
    ...(tracerProvider === false ? [] : [traceChannels(tracerProvider.getTracer(scope))]),
    ...(meterProvider === false ? [] : [meterMeasurements(meterProvider.getMeter(scope))]),
  ];
  const close = (): void => {
    for (const end of ends.splice(0)) end();
  };
  return { close, [Symbol.dispose]: close };
}
