import { SignerError } from '../errors.ts';
import type {
  HandshakeEndMessage,
  KmsAttemptMessage,
  SignatureEndMessage,
} from './channels/handshake-messages.ts';

export type LogLevel = 'debug' | 'warn' | 'error';

/** What is logged. docs/observability.md has the same table. */
export const logEvents = {
  'handshake.completed': { level: 'debug', text: 'TLS handshake completed' },
  'handshake.refused': { level: 'debug', text: 'TLS handshake failed' },
  'handshake.failed': { level: 'warn', text: 'TLS handshake failed, because nothing was signed' },
  'signature.completed': { level: 'debug', text: 'signature completed' },
  'signature.failed': { level: 'error', text: 'signature failed' },
  'kms.attempt.failed': { level: 'warn', text: 'request to KMS failed' },
} as const satisfies Record<string, { level: LogLevel; text: string }>;

export type LogEvent = keyof typeof logEvents;

/** One line. No field has the message of an error, because a service may repeat a secret in it. */
export interface LogLine {
  readonly event: LogEvent;
  readonly fields: Readonly<Record<string, unknown>>;
}

export function handshakeLine(message: HandshakeEndMessage): LogLine {
  const { outcome, error, side, durationMs, resumed, protocol, cipher, group } = message;
  const { servername, alpnProtocol, remoteAddress, remotePort } = message;
  // A client that leaves, or offers nothing that fits, is everyday life on a public address.
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
