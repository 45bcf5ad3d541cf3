// What the native build of an installed package needs before it can start, and how CMake is configured for it: all of it has
// come with the package (scripts/package/pack.mjs), so that neither Cargo nor a registry nor another npm package is asked for.
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../checkout.mjs';
import { Refusal, lastLines, run, say } from '../command.mjs';
import { packagedHeaders, sourcesArchive } from './packaged-sources.mjs';
import { inspectSources, sourcesFolder } from './vendored-sources.mjs';

/** Cargo fetches nothing. */
export function needsCargo() {
  return false;
}

/** Node-API's headers are there. */
export async function prepareHeaders() {}

/** Unpacks the sources, with the tar that is part of CMake, and checks them against vendor/Cargo.lock. */
export async function prepareSources({ cmake }) {
  if (inspectSources().state === 'right') return;
  say('unpacking the sources of s2n-tls and AWS-LC that came with the package ...');
  const partial = `${sourcesFolder}.partial-${process.pid}`;
  try {
    rmSync(sourcesFolder, { recursive: true, force: true });
    mkdirSync(partial);
    const { ok, output } = await run(cmake, ['-E', 'tar', 'xJf', sourcesArchive], { cwd: partial });
    if (!ok) throw new Refusal(`${sourcesArchive} could not be unpacked:\n${lastLines(output)}`);
    const { state, faults = [] } = inspectSources(partial);
    if (state !== 'right') {
      throw new Refusal(
        `the sources in ${sourcesArchive} are not those that vendor/Cargo.lock pins (${faults.slice(0, 5).join(', ') || state}): ` +
          'install the package anew.',
      );
    }
    renameSync(partial, sourcesFolder);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

/** The command that configures a build folder: CMake itself, told what cmake-js would find. */
export function configureCommand({ out, config }, generator, options, { cmake }) {
  const all = {
    CMAKE_BUILD_TYPE: config,
    CMAKE_LIBRARY_OUTPUT_DIRECTORY: join(out, config),
    CMAKE_JS_INC: packagedHeaders,
    ...options,
  };
  const definitions = Object.entries(all).map(([name, value]) => `-D${name}=${value}`);
  return [cmake, '-S', root, '-B', out, '-G', generator, '--no-warn-unused-cli', ...definitions];
}

/** Leaves of a build what it was made for: it is made once, and the rest takes twenty times the place. */
export function tidy({ out, config }) {
  if (!existsSync(join(out, config))) return;
  rmSync(sourcesFolder, { recursive: true, force: true });
  for (const entry of readdirSync(out)) {
    if (entry !== config) rmSync(join(out, entry), { recursive: true, force: true });
  }
}
