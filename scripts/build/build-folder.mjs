// What a CMake build folder was configured for, and whether it still serves. CMake keeps the checkout's path and the
// compilers in its cache and fails, or quietly goes on with the old ones, when they have changed.
import { existsSync, mkdirSync, readFileSync, realpathSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { inCheckout, root } from '../checkout.mjs';
import { Refusal } from '../command.mjs';
import { findCommand } from './requirements.mjs';

/** The value of S2N_TLS_SOURCE_DIR and AWS_LC_SOURCE_DIR that CMake takes for none (cmake-js leaves out an empty one). */
export const pinned = 'OFF';

/**
 * What to build, and where.
 *
 * @typedef {object} BuildVariant
 * @property {string} out the build folder
 * @property {'Release' | 'Debug'} config
 * @property {string} sanitize sanitizers as GCC names them, or ''
 * @property {boolean} fuzz with clang, for libFuzzer's programs
 * @property {import('../prebuild/toolchains.mjs').Toolchain} [toolchain] the compilers for another kind of machine, or for a release
 * @property {{ S2N_TLS_SOURCE_DIR: string, AWS_LC_SOURCE_DIR: string }} sources folders to build instead of the pinned ones, or `pinned`
 */

/**
 * @param {string[]} args `--debug`, `--sanitize=address,undefined`, `--sanitize=thread`, `--fuzz`
 * @param {import('../prebuild/toolchains.mjs').Toolchain} [toolchain] each builds into a folder of its own: build-linux-arm64-musl
 * @returns {BuildVariant}
 */
export function buildVariant(args, toolchain) {
  let config = 'Release';
  let sanitize = '';
  let fuzz = false;
  for (const arg of args) {
    if (arg === '--debug') config = 'Debug';
    else if (arg === '--fuzz') fuzz = true;
    else if (/^--sanitize=(address|undefined|address,undefined|thread)$/.test(arg))
      sanitize = arg.slice('--sanitize='.length);
    else {
      throw new Refusal(
        `there is no option '${arg}': there are --debug, --sanitize=address,undefined, --sanitize=thread and --fuzz, which ` +
          'build into folders of their own (build-debug, build-asan, build-tsan, build-fuzz).',
      );
    }
  }
  if (fuzz) {
    if (sanitize && sanitize !== 'address,undefined')
      throw new Refusal(
        `--fuzz goes with --sanitize=address,undefined, which it implies, and not with ${sanitize}.`,
      );
    sanitize = 'address,undefined';
  }
  const kind = toolchain ? `-${toolchain.kind}` : fuzz ? '-fuzz' : sanitize === 'thread' ? '-tsan' : sanitize ? '-asan' : '';
  const out = inCheckout(`build${kind}${config === 'Debug' ? '-debug' : ''}`);
  const named = (variable) => (process.env[variable] ? resolve(root, process.env[variable]) : pinned);
  return {
    out,
    config,
    sanitize,
    fuzz,
    toolchain,
    sources: {
      S2N_TLS_SOURCE_DIR: named('S2N_TLS_SOURCE_DIR'),
      AWS_LC_SOURCE_DIR: named('AWS_LC_SOURCE_DIR'),
    },
  };
}

/** The entries of a CMakeCache.txt by name; undefined where there is none. */
function readCache(out) {
  const file = join(out, 'CMakeCache.txt');
  if (!existsSync(file)) return undefined;
  const entries = readFileSync(file, 'utf8').matchAll(/^([\w.-]+):\w+=(.*)$/gm);
  return new Map([...entries].map(([, name, value]) => [name, value]));
}

/**
 * Decides what a build folder needs.
 *
 * @param {BuildVariant} variant
 * @param {{ cc: string, cxx: string, generator: string }} tools
 * @returns {{ generator: string, startOver?: string, configure: boolean }} `startOver`: why nothing in it can be kept
 */
export function inspectBuildFolder(variant, tools) {
  const cache = readCache(variant.out);
  if (cache === undefined) return { generator: tools.generator, configure: true };

  const generator = cache.get('CMAKE_GENERATOR');
  const startOver = whyUseless(variant, tools, cache);
  if (startOver) return { generator: tools.generator, startOver, configure: true };

  const ready = existsSync(join(variant.out, generator === 'Ninja' ? 'build.ninja' : 'Makefile'));
  const changed = Object.entries(variant.sources).some(
    ([name, folder]) => (cache.get(name) ?? '') !== folder,
  );
  // Sources of somebody's own may change at any time, and AWS-LC is built while CMake configures.
  return { generator, configure: !ready || changed || variant.sources.AWS_LC_SOURCE_DIR !== pinned };
}

function whyUseless(variant, tools, cache) {
  const home = cache.get('CMAKE_HOME_DIRECTORY');
  if (!isSameFile(home, root)) return `it was made for a checkout in ${home}`;
  if ((cache.get('S2N_PKEY_TOOLCHAIN') ?? '') !== (variant.toolchain?.identity ?? ''))
    return 'it was made with another toolchain';
  // Where a toolchain file names the compilers, CMake's cache does not.
  if (!variant.toolchain?.file) {
    const other = otherCompiler(tools, cache);
    if (other) return other;
  }
  if (!findCommand(cache.get('CMAKE_GENERATOR') === 'Ninja' ? 'ninja' : 'make'))
    return 'the tool that it builds with is gone';
  if (
    cache.get('CMAKE_BUILD_TYPE') !== variant.config ||
    (cache.get('S2N_PKEY_SANITIZE') ?? '') !== variant.sanitize
  ) {
    return 'it was made with other flags';
  }
  const headers = (cache.get('CMAKE_JS_INC') ?? '').split(';');
  if (!headers.every((folder) => existsSync(folder))) return "Node-API's headers have moved";
  return undefined;
}

function otherCompiler(tools, cache) {
  for (const [name, compiler] of [
    ['CMAKE_C_COMPILER', tools.cc],
    ['CMAKE_CXX_COMPILER', tools.cxx],
  ]) {
    if (!isSameFile(cache.get(name), compiler))
      return `it was made with another compiler (${cache.get(name)}, now ${compiler})`;
  }
  return undefined;
}

function isSameFile(a, b) {
  try {
    return realpathSync(a) === realpathSync(b);
  } catch {
    return false;
  }
}

/** Makes the folder, empty if nothing of it can be kept. */
export function prepareBuildFolder(out, { startOver }) {
  if (startOver) rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
}
