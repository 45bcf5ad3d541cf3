import { listenToChannels } from './channels/subscription.ts';
import type {
  HandshakeEndMessage,
  HandshakeStartMessage,
  KmsAttemptMessage,
  SignatureEndMessage,
  SignatureStartMessage,
} from './channels/handshake-messages.ts';
import { eventMetrics, type Metric } from './metrics.ts';

/** Records measurements. `labels` has one value for each of the metric's label names, in the same order. */
export interface MeasurementSink {
  /** Adds `amount` to a counter or gauge. For a gauge it may be negative. */
  add(metric: Metric, amount: number, labels: readonly string[]): void;
  /** Adds a value in seconds to a histogram. */
  record(metric: Metric, seconds: number, labels: readonly string[]): void;
}

/** Further outcomes are counted as `other`, because an application may throw errors with arbitrary codes. */
const MOST_OUTCOMES = 64;

/** Converts the messages of the diagnostics channels to measurements for `sink`. Returns a function that stops it. */
export function measureChannels(sink: MeasurementSink): () => void {
  const measurements = new Measurements(sink);
  return listenToChannels({
    handshakeStart: (message) => measurements.handshakeStarted(message),
    handshakeEnd: (message) => measurements.handshakeEnded(message),
    signatureStart: (message) => measurements.signatureStarted(message),
    signatureEnd: (message) => measurements.signatureEnded(message),
    kmsAttempt: (message) => measurements.kmsAttempt(message),
  });
}

class Measurements {
  readonly #sink: MeasurementSink;
  readonly #outcomes = new Set<string>();
  /** Only what started while measuring. The end of anything else would decrease a gauge that it never increased. */
  readonly #started = new WeakSet();

  constructor(sink: MeasurementSink) {
    this.#sink = sink;
  }

  handshakeStarted(message: HandshakeStartMessage): void {
    this.#started.add(message);
    this.#sink.add(eventMetrics.handshakesInFlight, 1, [message.side]);
  }

  handshakeEnded(message: HandshakeEndMessage): void {
    const { side, outcome, resumed, protocol = 'none', group = 'none', durationMs } = message;
    const handshake = resumed === undefined ? 'none' : resumed ? 'resumed' : 'full';
    if (this.#started.delete(message)) this.#sink.add(eventMetrics.handshakesInFlight, -1, [side]);
    this.#sink.add(eventMetrics.handshakes, 1, [side, this.#bounded(outcome), handshake, protocol, group]);
    this.#sink.record(eventMetrics.handshakeDuration, durationMs / 1000, [
      side,
      resultOf(outcome),
      handshake,
    ]);
  }

  signatureStarted(message: SignatureStartMessage): void {
    this.#started.add(message);
    this.#sink.add(eventMetrics.signaturesInFlight, 1, []);
    this.#sink.record(eventMetrics.signatureQueue, message.queuedMs / 1000, []);
  }

  signatureEnded(message: SignatureEndMessage): void {
    const { outcome, scheme, durationMs } = message;
    if (this.#started.delete(message)) this.#sink.add(eventMetrics.signaturesInFlight, -1, []);
    this.#sink.add(eventMetrics.signatures, 1, [this.#bounded(outcome), scheme]);
    this.#sink.record(eventMetrics.signatureDuration, durationMs / 1000, [resultOf(outcome)]);
  }

  kmsAttempt({ outcome, attempt, hedge, throttled, durationMs, queuedMs }: KmsAttemptMessage): void {
    this.#sink.add(eventMetrics.kmsAttempts, 1, [this.#bounded(outcome)]);
    this.#sink.record(eventMetrics.kmsAttemptDuration, durationMs / 1000, [resultOf(outcome)]);
    if (queuedMs !== undefined) this.#sink.record(eventMetrics.kmsQueue, queuedMs / 1000, []);
    if (hedge) this.#sink.add(eventMetrics.kmsHedges, 1, []);
    // The SDK reports once per signature, with the number of all its attempts.
    else if (attempt > 1)
      this.#sink.add(eventMetrics.kmsRetries, queuedMs === undefined ? attempt - 1 : 1, []);
    if (throttled) this.#sink.add(eventMetrics.kmsThrottles, 1, []);
  }

  #bounded(outcome: string): string {
    if (this.#outcomes.has(outcome)) return outcome;
    if (this.#outcomes.size >= MOST_OUTCOMES) return 'other';
    this.#outcomes.add(outcome);
    return outcome;
  }
}

function resultOf(outcome: string): 'ok' | 'error' {
  return outcome === 'ok' ? 'ok' : 'error';
}
