// What the native build of a checkout needs before it can start, and how CMake is configured for it: npm packages, sources
// fetched by Cargo, cmake-js.
import { join } from 'node:path';
import { installedPackage } from '../checkout.mjs';
import { installNpmPackages, npmPackagesAreInstalled } from './npm-packages.mjs';
import { vendor } from './vendor.mjs';
import { inspectSources } from './vendored-sources.mjs';

/** Whether Cargo has to fetch sources. */
export function needsCargo() {
  return ['absent', 'outdated'].includes(inspectSources().state);
}

/** The npm packages of the build, or `all` that the lock names. */
export async function prepareHeaders(packages) {
  const isInstalled =
    packages === 'all'
      ? npmPackagesAreInstalled()
      : ['cmake-js', 'node-addon-api'].every((name) => installedPackage(name) !== undefined);
  if (!isInstalled) await installNpmPackages();
}

/** The pinned sources. */
export async function prepareSources() {
  await vendor();
}

/** The command that configures a build folder: cmake-js, which knows where Node-API's headers are. */
export function configureCommand({ out, config }, generator, options) {
  return [
    process.execPath,
    join(installedPackage('cmake-js'), 'bin', 'cmake-js'),
    'configure',
    ...['--out', out, '--config', config, '--generator', generator],
    ...Object.entries(options).map(([name, value]) => `--CD${name}=${value}`),
  ];
}

/** Nothing: what was built in between makes the next build quick. */
export function tidy() {}
