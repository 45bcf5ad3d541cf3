import { Given, InvalidOptionError } from '../../errors.ts';
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

const DEFAULT_SESSION_TIMEOUT = 7200;
const LONGEST_SESSION_TIMEOUT = 604_800;

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
  const { sessionTimeout = DEFAULT_SESSION_TIMEOUT, ticketKeys, sessionIdContext = '' } = options;
  const { sessionTickets = clientCertificates === undefined } = options;
  if (typeof sessionTickets !== 'boolean') {
    throw new InvalidOptionError('sessionTickets', 'true or false', sessionTickets);
  }
  if (clientCertificates && (sessionTickets || ticketKeys !== undefined)) {
    throw new InvalidOptionError(
      sessionTickets ? 'sessionTickets' : 'ticketKeys',
      'nothing: where client certificates are asked for (requestCert) s2n-tls gives no tickets',
      sessionTickets || ticketKeys,
    );
  }
  if (!Number.isInteger(sessionTimeout) || sessionTimeout < 1 || sessionTimeout > LONGEST_SESSION_TIMEOUT) {
    throw new InvalidOptionError(
      'sessionTimeout',
      `a whole number of seconds from 1 to ${LONGEST_SESSION_TIMEOUT} (for none pass sessionTickets: false)`,
      sessionTimeout,
    );
  }
  if (typeof sessionIdContext !== 'string' || Buffer.byteLength(sessionIdContext) > 32) {
    throw new InvalidOptionError('sessionIdContext', 'a string of at most 32 bytes', sessionIdContext);
  }
  return {
    tickets: sessionTickets,
    timeout: sessionTimeout,
    ticketKeys: ticketKeys === undefined ? undefined : readTicketKeys(ticketKeys),
    idContext: sessionIdContext,
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
