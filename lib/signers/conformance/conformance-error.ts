import { S2nPkeyError, type S2nPkeyErrorOptions } from '../../errors.ts';

/** A signer does not do what the interface promises: `ERR_S2N_PKEY_CONFORMANCE`. */
export class ConformanceError extends S2nPkeyError {
  constructor(message: string, options?: S2nPkeyErrorOptions) {
    super('ERR_S2N_PKEY_CONFORMANCE', message, options);
  }
}
