import { Given } from '../../errors.ts';
import { anything, flag, required, wholeNumber } from '../../options/kinds.ts';
import { readOption, readOptions, refusal, type Option, type SchemaOf } from '../../options/option.ts';
import type { ClientCertificates } from './peer-verification.ts';
import { FleetTicketKeys } from './fleet-ticket-keys.ts';
import { MOST_TICKET_KEYS, NAME_BYTES, TICKET_KEY_BYTES } from './ticket-keys.ts';

/** One ticket key, or several: the first encrypts, and all decrypt. */
export type SharedTicketKeys = NodeJS.ArrayBufferView | readonly NodeJS.ArrayBufferView[];

type ReadKeys = readonly Uint8Array[] | FleetTicketKeys;

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
  /**
   * 48 bytes, 16 of name and 32 of secret, or a list of such keys: the first encrypts, and all decrypt. Share them between
   * processes or machines whose certificates have the same keys; or `KmsTicketKeys`, and machines share them by themselves. Default: random keys, which rotate by themselves.
   */
  ticketKeys?: SharedTicketKeys | FleetTicketKeys;
  /** Servers with different values do not resume each other's sessions. At most 32 bytes, as in node:tls. Default: empty. */
  sessionIdContext?: string;
}

const sessionTimeout = wholeNumber({ least: 1, most: 604_800, fallback: 7200, of: 'seconds' });

/** Read as a copy. */
const ticketKeyOption: Option<Uint8Array> = {
  ...{ type: 'Buffer', expected: `a Buffer of ${TICKET_KEY_BYTES} bytes: 16 of name and 32 of secret` },
  isSecret: true,
  fits: (value) => ArrayBuffer.isView(value),
  read(name, value) {
    const { buffer, byteOffset, byteLength } = value as NodeJS.ArrayBufferView;
    if (byteLength === TICKET_KEY_BYTES)
      return Uint8Array.from(new Uint8Array(buffer, byteOffset, byteLength));
    throw refusal(name, ticketKeyOption, new Given(`${byteLength} bytes`));
  },
};

const keysOption: Option<readonly Uint8Array[] | undefined> = {
  ...{
    type: 'Buffer | Buffer[]',
    expected: `${ticketKeyOption.expected}; or a list of them`,
    isSecret: true,
  },
  fits: (value) => ArrayBuffer.isView(value) || Array.isArray(value),
  read(name, value) {
    if (!Array.isArray(value)) return [readOption(name, required(ticketKeyOption), value)];
    if (value.length === 0 || value.length > MOST_TICKET_KEYS) {
      const expected = `1 to ${MOST_TICKET_KEYS} keys, of which the first encrypts and all decrypt`;
      throw refusal(name, keysOption, new Given(`${value.length} keys`), expected);
    }
    const keys = value.map((key: unknown, index) =>
      readOption(`${name}[${index}]`, required(ticketKeyOption), key),
    );
    // A ticket says by name which key it needs, and s2n-tls takes neither a name nor a secret twice.
    refuseTwice(keys, 'name', (key) => key.subarray(0, NAME_BYTES));
    refuseTwice(keys, 'secret', (key) => key.subarray(NAME_BYTES));
    return keys;
  },
};

/** What a server can be made with. Later its keys are replaced by others of the same machines: by keys. */
const ticketKeysOption: Option<ReadKeys | undefined> = {
  ...{ type: 'Buffer | Buffer[] | FleetTicketKeys', isSecret: true },
  expected: `${keysOption.expected}; or KmsTicketKeys`,
  fits: (value) => value instanceof FleetTicketKeys || keysOption.fits(value),
  read: (name, value) =>
    value instanceof FleetTicketKeys ? value : readOption(name, required(keysOption), value),
};

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
  ticketKeys: ticketKeysOption,
} satisfies SchemaOf<SessionOptions>;

export interface SessionSettings {
  readonly tickets: boolean;
  readonly timeout: number;
  readonly ticketKeys: ReadKeys | undefined;
  readonly idContext: string;
}

/** @throws InvalidOptionError, naming the option. */
export function readSessionOptions(
  options: SessionOptions,
  clientCertificates: ClientCertificates,
): SessionSettings {
  const { sessionTickets: given = clientCertificates === undefined } = options;
  const read = readOptions(sessionSchema, { ...options, sessionTickets: given });
  const { sessionTickets: tickets, sessionTimeout: timeout, sessionIdContext: idContext, ticketKeys } = read;
  if (clientCertificates && (tickets || ticketKeys !== undefined)) {
    const name = tickets ? 'sessionTickets' : 'ticketKeys';
    const expected =
      'nothing: where client certificates are asked for (requestCert) s2n-tls gives no tickets';
    throw refusal(name, sessionSchema[name], tickets || ticketKeys, expected);
  }
  return { tickets, timeout, ticketKeys, idContext };
}

/** @throws InvalidOptionError. */
export function readTicketKeys(keys: unknown): readonly Uint8Array[] {
  return readOption('ticketKeys', required(keysOption), keys);
}

function refuseTwice(
  keys: readonly Uint8Array[],
  part: string,
  partOf: (key: Uint8Array) => Uint8Array,
): void {
  const parts = keys.map((key) => Buffer.from(partOf(key)));
  const second = parts.findIndex((each, index) => parts.findIndex((other) => other.equals(each)) < index);
  if (second < 0) return;
  const given = new Given(`the ${part} of an earlier key in the list`);
  throw refusal(`ticketKeys[${second}]`, ticketKeyOption, given, `a key with a ${part} of its own`);
}
