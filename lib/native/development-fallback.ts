import { InvalidOptionError, S2nPkeyError } from '../errors.ts';
import { addon } from './addon.ts';

const name = 'S2N_PKEY_DEVELOPMENT_FALLBACK';

/** The addon is not there, as opposed to one that is there and does not load. */
const absent: ReadonlySet<string> = new Set(['ERR_S2N_PKEY_PLATFORM', 'ERR_S2N_PKEY_ADDON_NOT_FOUND']);

/**
 * Why there is no addon, if the user asked for node:tls in that case; undefined: use the addon.
 *
 * @throws InvalidOptionError for another value of `S2N_PKEY_DEVELOPMENT_FALLBACK`; S2nPkeyError if an addon does not load.
 */
export function reasonToFallBack(): S2nPkeyError | undefined {
  const value = process.env[name] ?? '';
  if (value === '' || value === '0') return undefined;
  if (value !== '1') throw new InvalidOptionError(name, "'1', or '0' or nothing for no fallback", value);
  try {
    addon();
    return undefined;
  } catch (error) {
    if (error instanceof S2nPkeyError && absent.has(error.code)) return error;
    throw error;
  }
}
