// The compiler for musl: zig's, by PyPI's package `ziglang`, in a cache of the user's. Debian has no C++ library for musl.
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inCheckout } from '../checkout.mjs';
import { Refusal, lastLines, run, say } from '../command.mjs';
import { cache } from '../test/nodes.mjs';

const requirements = inCheckout('scripts', 'prebuild', 'zig-requirements.txt');

/** The version that the requirements pin. */
export function zigVersion() {
  return /^ziglang==(\S+)/m.exec(readFileSync(requirements, 'utf8'))[1];
}

/** The executable `zig`, fetched with its checksum checked when it is not there. */
export async function zig() {
  const folder = join(cache, `zig-${zigVersion()}`);
  const found = executableIn(folder);
  if (found) return found;
  say(`fetching zig ${zigVersion()} (PyPI's ziglang, some 90 MB) ...`);
  rmSync(folder, { recursive: true, force: true });
  await python(['-m', 'venv', folder]);
  const options = ['--quiet', '--disable-pip-version-check', '--no-deps', '--only-binary=:all:'];
  await python(
    ['-m', 'pip', 'install', ...options, '--require-hashes', '-r', requirements],
    join(folder, 'bin', 'python3'),
  );
  const fetched = executableIn(folder);
  if (!fetched) throw new Refusal(`ziglang ${zigVersion()} brought no executable into ${folder}.`);
  return fetched;
}

function executableIn(folder) {
  const lib = join(folder, 'lib');
  if (!existsSync(lib)) return undefined;
  return readdirSync(lib)
    .map((python) => join(lib, python, 'site-packages', 'ziglang', 'zig'))
    .find((file) => existsSync(file));
}

async function python(args, command = 'python3') {
  const { ok, output, missing } = await run(command, args);
  if (missing || /ensurepip is not available/.test(output))
    throw new Refusal('zig comes from PyPI: install Python with `apt-get install python3-venv`.');
  if (!ok) throw new Refusal(`\`python3 ${args.slice(0, 3).join(' ')}\` failed:\n${lastLines(output)}`);
}

/**
 * Writes the two commands that stand for `cc` and `c++`.
 *
 *   - zig takes `-Wp,-U_FORTIFY_SOURCE`, which AWS-LC passes, only as `-U_FORTIFY_SOURCE`.
 *   - It knows no `--exclude-libs`; the version script hides the same symbols.
 *   - It adds a sanitizer to files that are not optimized, which is turned off.
 *
 * @returns {{ cc: string, cxx: string }}
 */
export function writeCompilers(executable, machine, folder) {
  mkdirSync(folder, { recursive: true });
  const write = (name, command, last) => {
    const file = join(folder, `${machine}-linux-musl-${name}`);
    const text = `#!/bin/bash
args=()
for argument in "$@"; do
  case "$argument" in
    -Wp,-U_FORTIFY_SOURCE) args+=(-U_FORTIFY_SOURCE) ;;
    -Wl,--exclude-libs,ALL) ;;
    *) args+=("$argument") ;;
  esac
done
export ZIG_GLOBAL_CACHE_DIR='${join(cache, 'zig-objects')}' ZIG_LOCAL_CACHE_DIR='${join(cache, 'zig-objects')}'
exec '${executable}' ${command} -target ${machine}-linux-musl -fno-sanitize=undefined "\${args[@]}"${last}
`;
    // The same file keeps its time of modification, by which compiler caches know a compiler.
    if (!existsSync(file) || readFileSync(file, 'utf8') !== text) writeFileSync(file, text, { mode: 0o755 });
    return file;
  };
  // libc++ marks functions with [[nodiscard]] that libstdc++ does not.
  return { cc: write('cc', 'cc', ''), cxx: write('c++', 'c++', ' -Wno-unused-result') };
}
