import { S2nPkeyError } from '../errors.ts';

/**
 * A package that only one backend needs, so that nobody else installs it.
 *
 * @param load `() => import('NAME')`: with the name written out, tools that bundle find it.
 * @throws S2nPkeyError `ERR_S2N_PKEY_PEER_PACKAGE` saying how to install it.
 */
export async function peerPackage<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    const code: unknown = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    const missing =
      (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') && String(cause).includes(`'${name}'`);
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new S2nPkeyError(
      'ERR_S2N_PKEY_PEER_PACKAGE',
      missing
        ? `this signer needs the package ${name}, which is not installed: npm install ${name}`
        : `the package ${name}, which this signer needs, cannot be loaded (${reason}): npm install ${name}`,
      { cause },
    );
  }
}
