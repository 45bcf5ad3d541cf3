import { S2nPkeyError } from '../errors.ts';

/**
 * Loads a package that only one feature needs and that users install themselves.
 *
 * @param load `() => import('NAME')`: with the name written out, tools that bundle find it.
 * @throws S2nPkeyError `ERR_S2N_PKEY_PEER_PACKAGE` with the command that installs it.
 */
export async function peerPackage<T>(name: string, load: () => Promise<T>): Promise<T> {
  try {
    return await load();
  } catch (cause) {
    throw loadFailure(name, 'this signer', cause);
  }
}

/**
 * The same for a synchronous caller.
 *
 * @param feature what needs the package, for the message: `settings in YAML`.
 * @param load `() => require('NAME')`.
 */
export function peerPackageSync(name: string, feature: string, load: () => unknown): unknown {
  try {
    return load();
  } catch (cause) {
    throw loadFailure(name, feature, cause);
  }
}

function loadFailure(name: string, feature: string, cause: unknown): S2nPkeyError {
  const code: unknown = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  const missing =
    (code === 'ERR_MODULE_NOT_FOUND' || code === 'MODULE_NOT_FOUND') && String(cause).includes(`'${name}'`);
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new S2nPkeyError(
    'ERR_S2N_PKEY_PEER_PACKAGE',
    missing
      ? `${feature} needs the package ${name}, which is not installed: npm install ${name}`
      : `the package ${name}, which ${feature} needs, cannot be loaded (${reason}): npm install ${name}`,
    { cause },
  );
}
