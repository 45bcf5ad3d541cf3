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

/** Describes a value in an error message, briefly and without printing secrets: type, and the text of short scalars. */
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

/** An option or argument was refused: names it, says what was expected and what was given. */
export class InvalidOptionError extends S2nPkeyError {
  /** The option's name as the caller wrote it, e.g. `handshakeTimeout`. */
  readonly option: string;

  constructor(option: string, expected: string, given: unknown, options?: S2nPkeyErrorOptions) {
    super(
      'ERR_S2N_PKEY_INVALID_OPTION',
      `${option}: expected ${expected}; given ${describeValue(given)}`,
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
