// The tools that the build needs from the machine, and the packages of Debian that bring them.
import { execFileSync } from 'node:child_process';
import { accessSync, constants, existsSync, readFileSync, statSync } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';
import { Refusal, run } from '../command.mjs';

/** The oldest cargo that reads vendor/Cargo.lock and asks the registry for single crates (vendor/Cargo.toml says it too). */
export const oldestCargo = '1.70';
const oldestCMake = '3.22';

/** The path of the first of these commands that the PATH has (a name with a slash is a path already). */
export function findCommand(...names) {
  for (const name of names) {
    for (const folder of name.includes('/') ? [''] : (process.env.PATH ?? '').split(delimiter)) {
      const path = name.includes('/') ? resolve(name) : join(folder || '.', name);
      if (isExecutable(path)) return path;
    }
  }
  return undefined;
}

function isExecutable(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}

/** The package with a cargo that is new enough: that of Debian 12 called `cargo` is not. */
export function cargoPackage() {
  return isDebian12() ? 'cargo-web' : 'cargo';
}

function isDebian12() {
  try {
    const release = readFileSync('/etc/os-release', 'utf8');
    return /^ID=debian$/m.test(release) && /^VERSION_ID="?12"?$/m.test(release);
  } catch {
    return false;
  }
}

/** `version` (as in '3.25.1') is `oldest` or later. */
export function isAtLeast(version, oldest) {
  const [a, b] = [version, oldest].map((text) => text.split('.').map(Number));
  for (let i = 0; i < b.length; i++) {
    if ((a[i] ?? 0) !== b[i]) return (a[i] ?? 0) > b[i];
  }
  return true;
}

/**
 * Finds what the native build needs.
 *
 * @param {{ cargo: boolean, clang?: boolean, compilers?: { cc: string, cxx: string } }} needs whether the sources of s2n-tls and
 *   AWS-LC have to be fetched first; whether the compiler must be clang, with the libraries of its sanitizers; compilers that
 *   have been found already
 * @returns {Promise<{ cc: string, cxx: string, cmake: string, generator: string }>} paths of the tools
 * @throws Refusal that names all that is missing at once, with the Debian packages
 */
export async function nativeBuildTools(needs) {
  const cmake = findCommand('cmake');
  const { cc, cxx } = needs.compilers ?? (needs.clang ? findClang() : findCompilers());
  const ninja = findCommand('ninja');
  const make = findCommand('make');

  const missing = [];
  if (!cmake) missing.push({ tool: `CMake ${oldestCMake} or later`, from: 'cmake' });
  missing.push(...(needs.clang ? missingOfClang(cc, cxx) : missingCompilers(cc, cxx)));
  if (!ninja && !make) missing.push({ tool: 'Ninja or Make', from: 'ninja-build' });
  if (needs.cargo && !findCommand('cargo'))
    missing.push({ tool: `Cargo ${oldestCargo} or later`, from: cargoPackage() });
  if (missing.length > 0) throw new Refusal(missingTools(missing));

  const { output } = await run(cmake, ['--version']);
  const version = /version (\d+\.\d+(\.\d+)?)/.exec(output)?.[1] ?? '0';
  if (!isAtLeast(version, oldestCMake)) {
    throw new Refusal(
      `the build needs CMake ${oldestCMake} or later, and ${cmake} is ${version}: install a newer one.`,
    );
  }
  return { cc, cxx, cmake, generator: ninja ? 'Ninja' : 'Unix Makefiles' };
}

function findCompilers() {
  // CC and CXX may hold arguments (`ccache gcc`), as CMake allows.
  const [cc, cxx] = [process.env.CC?.split(' ')[0], process.env.CXX?.split(' ')[0]];
  return {
    cc: findCommand(cc || 'cc', ...(cc ? [] : ['gcc', 'clang'])),
    cxx: findCommand(cxx || 'c++', ...(cxx ? [] : ['g++', 'clang++'])),
  };
}

function missingCompilers(cc, cxx) {
  const missing = [];
  if (!cc)
    missing.push({
      tool: process.env.CC ? `the C compiler that CC names (${process.env.CC})` : 'a C compiler',
      from: 'gcc',
    });
  if (!cxx) {
    missing.push({
      tool: process.env.CXX ? `the C++ compiler that CXX names (${process.env.CXX})` : 'a C++ compiler',
      from: 'g++',
    });
  }
  return missing;
}

/** The clang of Debian 12 before others, so that all find the same. */
export function findClang() {
  return { cc: findCommand('clang-14', 'clang'), cxx: findCommand('clang++-14', 'clang++') };
}

function missingOfClang(cc, cxx) {
  if (!cc || !cxx) return [{ tool: 'clang, with libFuzzer', from: 'clang-14 libclang-rt-14-dev' }];
  if (existsSync(sanitizerLibrary(cc, 'fuzzer', 'a'))) return [];
  return [{ tool: `the libraries of clang's sanitizers`, from: 'libclang-rt-14-dev' }];
}

/** A library of clang's own, such as libclang_rt.asan-x86_64.so. */
export function sanitizerLibrary(clang, name, kind) {
  const machine = { x64: 'x86_64', arm64: 'aarch64' }[process.arch] ?? process.arch;
  const file = `libclang_rt.${name}-${machine}.${kind}`;
  // The whole path where clang has it, else the name as it is.
  return execFileSync(clang, [`-print-file-name=${file}`], { encoding: 'utf8' }).trim();
}

/** One sentence: what is missing, and the command that brings it. */
export function missingTools(missing) {
  const tools = missing.map(({ tool }) => tool);
  const list = tools.length > 1 ? `${tools.slice(0, -1).join(', ')} and ${tools.at(-1)}` : tools[0];
  const packages = [...new Set(missing.map(({ from }) => from))].join(' ');
  return `the build needs ${list}, which this machine does not have: install with \`apt-get install ${packages}\` and run this again.`;
}
