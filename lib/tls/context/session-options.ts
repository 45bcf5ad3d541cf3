import { Given, InvalidOptionError } from '../../errors.ts';
import { anything, flag, wholeNumber } from '../../options/kinds.ts';
import { readOptions, type Schema } from '../../options/option.ts';
import type { ClientCertificates } from './peer-verification.ts';
import { TICKET_KEY_BYTES } from './ticket-keys.ts';

/** Options of a server about session resumption. */
export interface SessionOptions {
  /**
   * Tickets in TLS 1.2 and 1.3, with which clients resume a session without a signature; true unless given or client
   * certificates are asked for.
   */
  sessionTickets?: boolean;
  /**
   * Seconds from a full handshake until its session cannot be resumed any more, however often it was; 7,200 unless given, at
   * most 604,800 (RFC 8446 §4.6.1).
   */
  sessionTimeout?: number;
  /**
   * 48 bytes, 16 of name and 32 of secret, to be shared by several processes or machines that serve the same keys. Unless given,
   * keys are made and rotated by themselves.
   */
  ticketKeys?: NodeJS.ArrayBufferView;
  /** Sessions are not resumed by a server with another one; at most 32 bytes, as in node:tls. */
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
