/**
 * Spans and metrics by OpenTelemetry's API, which the application installs: `@opentelemetry/api`.
 *
 * @module s2n-pkey/opentelemetry
 */
import { metrics, trace, type MeterProvider, type TracerProvider } from '@opentelemetry/api';
import { InvalidOptionError } from '../errors.ts';
import { meterMeasurements } from './meter.ts';
import { traceChannels } from './spans.ts';

export interface OpenTelemetryOptions {
  /** The registered one unless given; false: no spans. */
  tracerProvider?: TracerProvider | false;
  /** The registered one unless given; false: no metrics. */
  meterProvider?: MeterProvider | false;
}

/** What `observeWithOpenTelemetry` began. `using` ends it, too. */
export interface OpenTelemetryObservation extends Disposable {
  /** Makes no more spans and metrics. */
  close(): void;
}

const scope = 's2n-pkey';

/**
 * Begins to make spans and metrics of the handshakes, signatures and requests to KMS of this thread. Returns what ends it.
 *
 * @throws InvalidOptionError naming the option.
 */
export function observeWithOpenTelemetry(options: OpenTelemetryOptions = {}): OpenTelemetryObservation {
  for (const [name, value] of Object.entries(options)) {
    if (name !== 'tracerProvider' && name !== 'meterProvider') {
      throw new InvalidOptionError(name, 'no such option: there are tracerProvider and meterProvider', value);
    }
  }
  const { tracerProvider = trace.getTracerProvider(), meterProvider = metrics.getMeterProvider() } = options;
  if (tracerProvider !== false && typeof tracerProvider.getTracer !== 'function') {
    throw new InvalidOptionError('tracerProvider', 'a TracerProvider, or false', tracerProvider);
  }
  if (meterProvider !== false && typeof meterProvider.getMeter !== 'function') {
    throw new InvalidOptionError('meterProvider', 'a MeterProvider, or false', meterProvider);
  }
  const ends = [
    ...(tracerProvider === false ? [] : [traceChannels(tracerProvider.getTracer(scope))]),
    ...(meterProvider === false ? [] : [meterMeasurements(meterProvider.getMeter(scope))]),
  ];
  const close = (): void => {
    for (const end of ends.splice(0)) end();
  };
  return { close, [Symbol.dispose]: close };
}
