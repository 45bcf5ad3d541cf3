import { readFileSync } from 'node:fs';

/** The codes that the page of errors lists. */
export function listedCodes(): Set<string> {
  const page = readFileSync(new URL('../../docs/api/errors.md', import.meta.url), 'utf8');
  const listed = new Set<string>();
  for (const [, cell = ''] of page.matchAll(/^\| (`[^|]+)\|/gm)) {
    const [first = '', ...rest] = [...cell.matchAll(/`([A-Z_0-9]+)`/g)].map(([, name = '']) => name);
    const [family = ''] =
      /^ERR_S2N_PKEY(_KMS|_SOCKET_SIGNER|_PKCS11|_VAULT|_AZURE|_GOOGLE)?(?=_)/.exec(first) ?? [];
    // `_X` beside a code is short for the code X of the same family, and for no other.
    for (const name of [first, ...rest]) listed.add(name.startsWith('_') ? family + name : name);
  }
  return listed;
}
