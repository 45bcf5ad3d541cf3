import { S2nPkeyError } from '../../errors.ts';
import { callback } from '../../options/kinds.ts';
import { readOptions, type SchemaOf } from '../../options/option.ts';
import { SecureContext } from '../context/secure-context.ts';

/** Callbacks of a server that choose by the client hello. Each costs the handshake one turn of the event loop. */
export interface ClientHelloOptions {
  /**
   * Called if the client asks for a name (SNI, RFC 6066 §3). Call `callback(null, context)` with a context of this package's
   * `createSecureContext`, or `callback(null)` to use those of `addContext` and the server's own. `callback(error)` refuses the
   * client with the alert unrecognized_name. The handshake waits for the callback, at most for `handshakeTimeout`.
   */
  SNICallback?: (
    servername: string,
    callback: (error: Error | null | undefined, context?: SecureContext | null) => void,
  ) => void;
  /**
   * Called if the client offers protocols (ALPN, RFC 7301). Return one of them, or undefined to refuse the client with the alert
   * no_application_protocol.
   */
  ALPNCallback?: (offer: { servername: string; protocols: string[] }) => string | undefined;
}

export const clientHelloSchema = {
  SNICallback: { ...callback<ClientHelloOptions['SNICallback']>(), takesNull: true },
  ALPNCallback: { ...callback<ClientHelloOptions['ALPNCallback']>(), takesNull: true },
} satisfies SchemaOf<ClientHelloOptions>;

/** The parts of a client hello that the callbacks get. */
export interface ClientHello {
  /** Empty if the client asks for no name. */
  readonly servername: string;
  readonly protocols: readonly string[];
}

export interface ClientHelloAnswer {
  readonly context?: SecureContext | undefined;
  readonly protocol?: string | undefined;
}

/** Refuses a client. `alert` is the alert to send (RFC 8446 §6.2), or NO_ALERT. */
export class ClientRefused extends Error {
  readonly error: Error;
  readonly alert: number;

  constructor(error: Error, alert: number) {
    super(error.message, { cause: error });
    this.error = error;
    this.alert = alert;
  }
}

export const INTERNAL_ERROR = 80;
/** Closes the connection without an alert, as node:tls does. */
export const NO_ALERT = -1;
const UNRECOGNIZED_NAME = 112;
const NO_APPLICATION_PROTOCOL = 120;

/**
 * Returns the options if they have a callback.
 *
 * @throws InvalidOptionError, naming the option; S2nPkeyError `ERR_TLS_ALPN_CALLBACK_WITH_PROTOCOLS`, as in node:tls.
 */
export function readClientHelloOptions(
  options: ClientHelloOptions & { ALPNProtocols?: unknown },
): ClientHelloOptions | undefined {
  const { SNICallback, ALPNCallback } = readOptions(clientHelloSchema, options);
  if (!SNICallback && !ALPNCallback) return undefined;
  if (ALPNCallback && options.ALPNProtocols !== undefined) {
    throw new S2nPkeyError(
      'ERR_TLS_ALPN_CALLBACK_WITH_PROTOCOLS',
      'ALPNCallback and ALPNProtocols exclude each other: pass one of them',
    );
  }
  return options;
}

/** Calls the callbacks, SNICallback first. Rejects with ClientRefused. */
export async function answerClientHello(
  options: ClientHelloOptions,
  hello: ClientHello,
): Promise<ClientHelloAnswer> {
  const context = await askForContext(options, hello);
  return { context, protocol: askForProtocol(options, hello) };
}

async function askForContext(
  { SNICallback }: ClientHelloOptions,
  { servername }: ClientHello,
): Promise<SecureContext | undefined> {
  if (!SNICallback || servername === '') return undefined;
  const context = await new Promise<unknown>((resolve, reject) => {
    const refuse = (error: unknown): void => {
      reject(refusal(error, 'SNICallback', UNRECOGNIZED_NAME));
    };
    try {
      SNICallback(servername, (error, given) => {
        if (error) refuse(error);
        else resolve(given);
      });
    } catch (error) {
      refuse(error);
    }
  });
  if (context === undefined || context === null) return undefined;
  if (context instanceof SecureContext) return context;
  throw new ClientRefused(invalidContext(context), NO_ALERT);
}

/** Uses the message of node:tls, unless node:tls would accept the context. */
function invalidContext(given: unknown): Error {
  const cause = new S2nPkeyError(
    'ERR_TLS_INVALID_CONTEXT',
    "SNICallback must give a context of this package's createSecureContext({ cert, signer }), not one of node:tls",
  );
  if (typeof given === 'object' && given !== null && 'context' in given) return cause;
  return new S2nPkeyError('ERR_TLS_INVALID_CONTEXT', 'Invalid SNI context', { cause });
}

function askForProtocol(
  { ALPNCallback }: ClientHelloOptions,
  { servername, protocols }: ClientHello,
): string | undefined {
  if (!ALPNCallback || protocols.length === 0) return undefined;
  let chosen: unknown;
  try {
    chosen = ALPNCallback({ servername, protocols: [...protocols] });
  } catch (error) {
    throw refusal(error, 'ALPNCallback', INTERNAL_ERROR);
  }
  if (typeof chosen === 'string' && protocols.includes(chosen)) return chosen;
  if (chosen === undefined) {
    const error = new S2nPkeyError(
      'ERR_S2N_PKEY_PROTOCOL',
      `ALPNCallback chose none of the client's protocols: ${protocols.join(', ')}`,
    );
    throw new ClientRefused(error, NO_APPLICATION_PROTOCOL);
  }
  const error = new S2nPkeyError(
    'ERR_TLS_ALPN_CALLBACK_INVALID_RESULT',
    `ALPNCallback must return one of the protocols that the client offers (${protocols.join(', ')}) or undefined; ` +
      `it returned ${typeof chosen === 'string' ? `'${chosen}'` : typeof chosen}`,
  );
  throw new ClientRefused(error, NO_APPLICATION_PROTOCOL);
}

function refusal(error: unknown, callback: string, alert: number): ClientRefused {
  const known =
    error instanceof Error
      ? error
      : new S2nPkeyError('ERR_S2N_PKEY_CALLBACK', `${callback} failed with ${String(error)}`, {
          cause: error,
        });
  return new ClientRefused(known, alert);
}
