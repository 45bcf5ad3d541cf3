import { SignerError } from '../errors.ts';

/** The rejection of a `sign` after `close()`: `ERR_S2N_PKEY_SIGNER_CLOSED`. `cause`: what ended one that was under way. */
export function closedError(key: string, cause?: unknown): SignerError {
  return new SignerError(`the signer of ${key} is closed: close it after the servers that use it`, {
    code: 'ERR_S2N_PKEY_SIGNER_CLOSED',
    ...(cause === undefined ? {} : { cause }),
  });
}
