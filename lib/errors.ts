/**
 * Every error this package raises: a class a kind, each with a stable `code` (`ERR_S2N_PKEY_…`), a message that says
 * what to do, and the `cause` where there is one. `code` is the contract; messages may change.
 */

export interface S2nPkeyErrorOptions {
  cause?: unknown;
}

/** The base of every error raised by this package. */
export class S2nPkeyError extends Error {
  /** Stable, documented, of the form `ERR_S2N_PKEY_…`. */
  readonly code: string;

  constructor(code: string, message: string, options: S2nPkeyErrorOptions = {}) {
    super(message, 'cause' in options ? { cause: options.cause } : undefined);
    this.code = code;
    this.name = new.target.name;
  }
}

/** What was given, in words of its own, for a value that says nothing by itself. */
export class Given {
  readonly words: string;

  constructor(words: string) {
    this.words = words;
  }
}

/**
 * Describes a value in an error message, briefly: type, and the text of short scalars. For values that are no option's: an option
 * may hold a secret, so `describeOption` is for those.
 */
export function describeValue(value: unknown): string {
  if (value === null) return 'null';
  if (value instanceof Given) return value.words;
  if (typeof value === 'string')
    return value.length > 60 ? `a string of ${value.length} characters` : `'${value}'`;
  if (typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint')
    return String(value);
  if (typeof value === 'object') {
    const name: unknown = value.constructor?.name;
    return typeof name === 'string' ? `an instance of ${name}` : 'an object';
  }
  return typeof value;
}

/**
 * What is checked without a row of a schema, which would say whether it may hold a secret: arguments, names within certificates,
 * and flags of command lines. A message may repeat these; anything else may hold a secret, be it by mistake.
 */
const plainNames: ReadonlySet<string> = new Set([
  ...['subject', 'dns', 'ip', 'length', 'label', 'hostname', 'honorCipherOrder', 'price', 'requests'],
  ...['--host', '--port', '--region', '--account', '--data'],
]);

/** What a plain option may hold by mistake, or within: keys, and URIs with a PIN or a password. */
const looksSecret = /-----|pin-value|pin-source|:\/\/[^/]*@|passw|secret/i;

/** Describes the value of an option: its text only where it can be no secret. */
export function describeOption(option: string, value: unknown): string {
  const name = /[^.]*$/.exec(option.replaceAll(/\[\d+\]/g, ''))?.[0] ?? '';
  return plainNames.has(name) ? describePlain(value) : describeSecret(value);
}

/** Describes a value that is no secret by what it should be: in full, unless it looks like one all the same. */
export function describePlain(value: unknown): string {
  return looksSecret.test(String(isScalar(value) ? value : ''))
    ? describeSecret(value)
    : describeValue(value);
}

/** Describes a value that may be a secret: by its type. */
export function describeSecret(value: unknown): string {
  if (!isScalar(value)) return describeValue(value);
  return value === '' ? 'an empty string' : `a ${typeof value}`;
}

function isScalar(value: unknown): value is string | number | bigint {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'bigint';
}

/** An option or argument was refused: names it, says what was expected and what was given. */
export class InvalidOptionError extends S2nPkeyError {
  /** The option's name as the caller wrote it, e.g. `handshakeTimeout`. */
  readonly option: string;

  constructor(option: string, expected: string, given: unknown, options?: S2nPkeyErrorOptions) {
    super(
      'ERR_S2N_PKEY_INVALID_OPTION',
      `${option}: expected ${expected}; given ${describeOption(option, given)}`,
      options,
    );
    this.option = option;
  }
}

/** A key, certificate or PEM text could not be read, or two of them do not belong together. */
export class KeyMismatchError extends S2nPkeyError {
  constructor(message: string, options?: S2nPkeyErrorOptions) {
    super('ERR_S2N_PKEY_KEY_MISMATCH', message, options);
  }
}

/** A private-key operation failed: the signer rejected, timed out, or answered with something unusable. */
export class SignerError extends S2nPkeyError {
  constructor(message: string, options?: S2nPkeyErrorOptions & { code?: string }) {
    super(options?.code ?? 'ERR_S2N_PKEY_SIGNER', message, options);
  }
}
