import { Given, InvalidOptionError } from '../../errors.ts';
import { anything, flag, wholeNumber } from '../../options/kinds.ts';
import { readOptions, type Schema } from '../../options/option.ts';
import type { ClientCertificates } from './peer-verification.ts';
import { TICKET_KEY_BYTES } from './ticket-keys.ts';

/** Options of a server for session resumption. */
export interface SessionOptions {
  /**
   * Whether to issue tickets in TLS 1.2 and 1.3, with which clients resume a session without a signature. Default: true, and
   * false with `requestCert`.
   */
  sessionTickets?: boolean;
  /**
   * Seconds from a full handshake until its session can no longer be resumed, however often it was; 1 to 604,800 (RFC 8446
   * §4.6.1). Default: 7,200.
   */
  sessionTimeout?: number;
  /**
   * 48 bytes, 16 of name and 32 of secret. Share them between processes or machines whose certificates have the same keys.
   * Default: random keys, which rotate by themselves.
   */
  ticketKeys?: NodeJS.ArrayBufferView;
  /** Servers with different values do not resume each other's sessions. At most 32 bytes, as in node:tls. Default: empty. */
  sessionIdContext?: string;
}

const sessionTimeout = wholeNumber({ least: 1, most: 604_800, fallback: 7200, of: 'seconds' });

export const sessionSchema = {
  sessionTickets: flag(true),
  sessionTimeout: {
    ...sessionTimeout,
    expected: `${sessionTimeout.expected} (for none pass sessionTickets: false)`,
  },
  sessionIdContext: anything({
    ...{ type: 'string', expected: 'a string of at most 32 bytes', fallback: '' },
    fits: (value) => typeof value === 'string' && Buffer.byteLength(value) <= 32,
  }),
} satisfies Schema;

export interface SessionSettings {
  readonly tickets: boolean;
  readonly timeout: number;
  readonly ticketKeys: Uint8Array | undefined;
  readonly idContext: string;
}

/** @throws InvalidOptionError, naming the option. */
export function readSessionOptions(
  options: SessionOptions,
  clientCertificates: ClientCertificates,
): SessionSettings {
  const { ticketKeys, sessionTickets: given = clientCertificates === undefined } = options;
  const read = readOptions(sessionSchema, { ...options, sessionTickets: given });
  const { sessionTickets, sessionTimeout: timeout, sessionIdContext: idContext } = read;
  if (clientCertificates && (sessionTickets || ticketKeys !== undefined)) {
    throw new InvalidOptionError(
      sessionTickets ? 'sessionTickets' : 'ticketKeys',
      'nothing: where client certificates are asked for (requestCert) s2n-tls gives no tickets',
      sessionTickets || ticketKeys,
    );
  }
  return {
    tickets: sessionTickets,
    timeout,
    ticketKeys: ticketKeys === undefined ? undefined : readTicketKeys(ticketKeys),
    idContext,
  };
}

/** @throws InvalidOptionError. */
export function readTicketKeys(keys: unknown): Uint8Array {
  if (!ArrayBuffer.isView(keys) || keys.byteLength !== TICKET_KEY_BYTES) {
    throw new InvalidOptionError(
      'ticketKeys',
      `a Buffer of ${TICKET_KEY_BYTES} bytes: 16 of name and 32 of secret`,
      ArrayBuffer.isView(keys) ? new Given(`${keys.byteLength} bytes`) : keys,
    );
  }
  return Uint8Array.from(new Uint8Array(keys.buffer, keys.byteOffset, keys.byteLength));
}
