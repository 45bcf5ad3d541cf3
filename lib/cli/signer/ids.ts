import { readFileSync } from 'node:fs';
import { S2nPkeyError } from '../../errors.ts';

/**
 * Numbers of users or groups, given as numbers or as names of the machine's own file.
 *
 * @throws S2nPkeyError `ERR_S2N_PKEY_USAGE` that names the flag.
 */
export function readIds(flag: string, given: string, file: '/etc/passwd' | '/etc/group'): number[] {
  return given.split(',').map((name) => {
    const id = /^\d+$/.test(name) ? Number(name) : idOf(name, file);
    if (id !== undefined && id <= 2 ** 32 - 2) return id;
    throw new S2nPkeyError(
      'ERR_S2N_PKEY_USAGE',
      `${flag} expects numbers, or names of ${file}, with commas between them; given '${name}'`,
    );
  });
}

/** Lines are `name:password:id:…` (passwd(5), group(5)). */
function idOf(name: string, file: string): number | undefined {
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [found, , id] = line.split(':');
    if (found === name && id !== undefined && /^\d+$/.test(id)) return Number(id);
  }
  return undefined;
}
