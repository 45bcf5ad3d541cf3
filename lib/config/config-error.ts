import { S2nPkeyError } from '../errors.ts';

/** A file of settings was refused. */
export class ConfigError extends S2nPkeyError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('ERR_S2N_PKEY_CONFIG_FILE', message, options);
  }
}
