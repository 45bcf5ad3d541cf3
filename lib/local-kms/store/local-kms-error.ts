import { S2nPkeyError, type S2nPkeyErrorOptions } from '../../errors.ts';

/** The local KMS cannot start or go on: its port is taken, its data directory is in use, unreadable or not its own. */
export class LocalKmsError extends S2nPkeyError {
  constructor(message: string, options?: S2nPkeyErrorOptions) {
    super('ERR_S2N_PKEY_LOCAL_KMS', message, options);
  }
}

/** The `code` of a system error (`EADDRINUSE`, `ENOENT`, …), or undefined. */
export function systemErrorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}
