import { SignerError } from '../../errors.ts';
import type {
  HandshakeEndMessage,
  KmsAttemptMessage,
  SignatureEndMessage,
} from '../channels/handshake-messages.ts';
import type {
  AcceptMessage,
  BreakerMessage,
  CertificateMessage,
  DrainEndMessage,
  DrainStartMessage,
} from '../channels/operation-messages.ts';

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

/** The events that are logged. docs/observability.md has the same table. */
export const logEvents = {
  'handshake.completed': { level: 'debug', text: 'TLS handshake completed' },
  'handshake.refused': { level: 'debug', text: 'TLS handshake failed' },
  'handshake.failed': { level: 'warn', text: 'TLS handshake failed, because nothing was signed' },
  'signature.completed': { level: 'debug', text: 'signature completed' },
  'signature.failed': { level: 'error', text: 'signature failed' },
  'kms.attempt.failed': { level: 'warn', text: 'request to KMS failed' },
  'breaker.opened': { level: 'error', text: 'signatures are refused until the key works again' },
  'breaker.closed': { level: 'info', text: 'the key works again' },
  'certificate.swapped': { level: 'info', text: 'another certificate is served' },
  'certificate.refused': { level: 'error', text: 'a certificate cannot be served; the former one stays' },
  'accept.paused': { level: 'warn', text: 'accepting paused, because descriptors run out' },
  'accept.resumed': { level: 'info', text: 'accepting resumed' },
  'drain.started': { level: 'info', text: 'draining' },
  'drain.completed': { level: 'info', text: 'drained' },
  'drain.cut': { level: 'warn', text: 'drained, and connections were cut off' },
} as const satisfies Record<string, { level: LogLevel; text: string }>;

export type LogEvent = keyof typeof logEvents;

/** One line. No field contains an error's message, because a service may repeat a secret in it. */
export interface LogLine {
  readonly event: LogEvent;
  readonly fields: Readonly<Record<string, unknown>>;
}

export function handshakeLine(message: HandshakeEndMessage): LogLine {
  const { outcome, error, side, durationMs, resumed, protocol, cipher, group } = message;
  const { servername, alpnProtocol, remoteAddress, remotePort } = message;
  // On a public address, clients that disconnect or offer nothing suitable are normal.
  const failed = error instanceof SignerError ? 'handshake.failed' : 'handshake.refused';
  return {
    event: outcome === 'ok' ? 'handshake.completed' : failed,
    fields: {
      ...{ code: outcome, side, durationMs, servername, remoteAddress, remotePort },
      ...{ protocol, cipher, group, resumed, alpnProtocol },
    },
  };
}

export function signatureLine({ outcome, scheme, durationMs, queuedMs }: SignatureEndMessage): LogLine {
  const event = outcome === 'ok' ? 'signature.completed' : 'signature.failed';
  return { event, fields: { code: outcome, scheme, durationMs, queuedMs } };
}

/** Undefined for a request that succeeded. */
export function kmsLine(message: KmsAttemptMessage): LogLine | undefined {
  const { outcome, operation, keyArn, attempt, hedge, throttled, statusCode, requestId, durationMs } =
    message;
  if (outcome === 'ok') return undefined;
  const fields = {
    code: outcome,
    operation,
    keyArn,
    attempt,
    hedge,
    throttled,
    statusCode,
    requestId,
    durationMs,
  };
  return { event: 'kms.attempt.failed', fields };
}

export function drainStartLine({ connections, withinMs, delayMs }: DrainStartMessage): LogLine {
  return { event: 'drain.started', fields: { code: 'ok', connections, withinMs, delayMs } };
}

export function drainEndLine({ finished, cut, durationMs }: DrainEndMessage): LogLine {
  const event = cut > 0 ? 'drain.cut' : 'drain.completed';
  return { event, fields: { code: 'ok', finished, cut, durationMs } };
}

export function certificateLine(message: CertificateMessage): LogLine {
  const { outcome, file, servername, fingerprint, notAfter } = message;
  const event = outcome === 'ok' ? 'certificate.swapped' : 'certificate.refused';
  return { event, fields: { code: outcome, file, servername, fingerprint, notAfter } };
}

export function breakerLine({ state, key, outcome, pauseMs }: BreakerMessage): LogLine {
  return state === 'open'
    ? { event: 'breaker.opened', fields: { code: outcome, key, pauseMs } }
    : { event: 'breaker.closed', fields: { code: 'ok', key } };
}

export function acceptLine({ state, descriptors, limit, reserve }: AcceptMessage): LogLine {
  const event = state === 'paused' ? 'accept.paused' : 'accept.resumed';
  return { event, fields: { code: 'ok', descriptors, limit, reserve } };
}
