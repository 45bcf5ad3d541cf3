/**
 * Every `ERR_S2N_PKEY_…` code. `docs/api/errors.md` is generated from this table (`npm run docs`), and a test compares it with the
 * codes that lib/ and binding/ can raise.
 */
import { backendCodes } from './backends.ts';
import { connectionCodes } from './connections.ts';
import { kmsCodes } from './kms.ts';
import { setupCodes } from './setup.ts';

export const errorCodes = { ...connectionCodes, ...setupCodes, ...kmsCodes, ...backendCodes };

/** A code of this package. Errors may also carry a code of Node or OpenSSL, and a `Signer` of your own one of its own. */
export type ErrorCode = keyof typeof errorCodes;
