import { anything, required, wholeNumber } from '../../options/kinds.ts';
import { readOption, readOptionsObject, type Option, type Schema } from '../../options/option.ts';
import { listenToChannels } from '../channels/subscription.ts';
import {
  acceptLine,
  breakerLine,
  certificateLine,
  drainEndLine,
  drainStartLine,
  handshakeLine,
  kmsLine,
  logEvents,
  signatureLine,
  type LogLevel,
  type LogLine,
} from './log-events.ts';

/** The methods of a logger such as pino's. */
export interface Logger {
  debug(fields: object, text: string): unknown;
  info(fields: object, text: string): unknown;
  warn(fields: object, text: string): unknown;
  error(fields: object, text: string): unknown;
  /** If it exists, it is called before a line is created. */
  isLevelEnabled?(level: LogLevel): boolean;
}

export interface LogOptions {
  /** Lines a minute for each event and code, at the levels warn and error. More are counted as `suppressed`. Default: 60. */
  readonly perMinute?: number;
}

export const loggerOption: Option<Logger | undefined> = anything<Logger | undefined>({
  ...{ type: 'object', expected: 'a logger with debug, info, warn and error, such as pino()' },
  fits: (value) => {
    const { debug, info, warn, error } = Object(value) as Partial<Record<LogLevel, unknown>>;
    return [debug, info, warn, error].every((method) => typeof method === 'function');
  },
});

export const logSchema = { perMinute: wholeNumber({ least: 1, fallback: 60 }) } satisfies Schema;

/** Returned by `logTo`. It supports `using`. */
export interface Logging extends Disposable {
  /** Stops logging. */
  close(): void;
}

const MINUTE = 60_000;
/** Bounds the counts by code, because the application may use any codes. */
const MOST_CODES = 256;

/**
 * Logs the handshakes, signatures and requests to KMS of this thread, and the operation of its servers. A logger that throws does not
 * affect connections.
 *
 * @param now For tests.
 * @throws InvalidOptionError, naming the option.
 */
export function logTo(
  logger: Logger,
  options: LogOptions = {},
  now: () => number = () => performance.now(),
): Logging {
  const checked = readOption('logger', required(loggerOption), logger);
  const { perMinute } = readOptionsObject(logSchema, options, 'an object such as { perMinute: 60 }');
  const writer = new LogWriter(checked, perMinute, now);
  const close = listenToChannels({
    handshakeEnd: (message) => writer.write(handshakeLine(message)),
    signatureEnd: (message) => writer.write(signatureLine(message)),
    kmsAttempt: (message) => writer.write(kmsLine(message)),
    drainStart: (message) => writer.write(drainStartLine(message)),
    drainEnd: (message) => writer.write(drainEndLine(message)),
    certificate: (message) => writer.write(certificateLine(message)),
    breaker: (message) => writer.write(breakerLine(message)),
    accept: (message) => writer.write(acceptLine(message)),
  });
  return { close, [Symbol.dispose]: close };
}

class LogWriter {
  readonly #logger: Logger;
  readonly #perMinute: number;
  readonly #now: () => number;
  readonly #counts = new Map<string, { since: number; lines: number; suppressed: number }>();
  #warned = false;

  constructor(logger: Logger, perMinute: number, now: () => number) {
    this.#logger = logger;
    this.#perMinute = perMinute;
    this.#now = now;
  }

  write(line: LogLine | undefined): void {
    if (!line) return;
    const { level, text } = logEvents[line.event];
    try {
      if (this.#logger.isLevelEnabled?.(level) === false) return;
      const suppressed = level === 'debug' || level === 'info' ? 0 : this.#suppressedBefore(line);
      if (suppressed === undefined) return;
      const fields = { event: line.event, ...line.fields, ...(suppressed > 0 ? { suppressed } : {}) };
      const result = this.#logger[level](fields, text);
      if (result instanceof Promise) result.catch((error: unknown) => this.#warn(error));
    } catch (error) {
      this.#warn(error);
    }
  }

  /** The number of lines like this one that were suppressed before it; undefined if this one is suppressed. */
  #suppressedBefore({ event, fields }: LogLine): number | undefined {
    const key = `${event} ${String(fields['code'])}`;
    const now = this.#now();
    let count = this.#counts.get(key);
    if (!count || now - count.since >= MINUTE) {
      if (!count && this.#counts.size >= MOST_CODES) this.#counts.clear();
      const suppressed = count?.suppressed ?? 0;
      count = { since: now, lines: 1, suppressed: 0 };
      this.#counts.set(key, count);
      return suppressed;
    }
    if (++count.lines <= this.#perMinute) return 0;
    count.suppressed++;
    return undefined;
  }

  /** Warns once. The warning omits the error's message, which may repeat logged values. */
  #warn(error: unknown): void {
    if (this.#warned) return;
    this.#warned = true;
    const name = error instanceof Error ? error.name : typeof error;
    process.emitWarning(`the logger of logTo throws (${name}); lines are lost`, { code: 'S2N_PKEY_LOGGER' });
  }
}
