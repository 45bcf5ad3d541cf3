import { S2nPkeyError } from '../errors.ts';

/** What to do on macOS and Windows. */
export const waysToLinux =
  "run it in a container (docs/installation.md has one for development) or, on Windows, in WSL; for local work, S2N_PKEY_DEVELOPMENT_FALLBACK=1 lets `attach` serve a LocalKeySigner's key by node:tls";

/**
 * Refuses platforms that no addon is built for. `S2N_PKEY_ADDON` names an addon of the user's own.
 *
 * @throws S2nPkeyError `ERR_S2N_PKEY_PLATFORM`.
 */
export function refuseOtherPlatforms({ platform, arch, env }: NodeJS.Process = process): void {
  if (platform === 'linux' || env['S2N_PKEY_ADDON']) return;
  throw new S2nPkeyError(
    'ERR_S2N_PKEY_PLATFORM',
    `s2n-pkey makes and serves TLS connections on Linux only, and this is ${platform}-${arch}: ${waysToLinux}.`,
  );
}
