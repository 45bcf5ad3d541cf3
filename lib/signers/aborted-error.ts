import { SignerError } from '../errors.ts';
import type { Cancellation } from './cancellation.ts';

/** The rejection of a `sign` whose signal was aborted: `ERR_S2N_PKEY_SIGN_ABORTED`, with the signal's reason as `cause`. */
export function abortedError({ reason: cause }: Cancellation): SignerError {
  return new SignerError('the signature is no longer wanted: the handshake it was for has ended', {
    code: 'ERR_S2N_PKEY_SIGN_ABORTED',
    cause,
  });
}
