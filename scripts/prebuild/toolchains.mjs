// What compiles for each target on an x64 machine with Debian: its own compiler, its cross compiler, and zig.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { inCheckout } from '../checkout.mjs';
import { Refusal, run } from '../command.mjs';
import { findCommand, missingTools } from '../build/requirements.mjs';
import { isNative } from './targets.mjs';
import { writeCompilers, zig, zigVersion } from './zig.mjs';

/**
 * @typedef {object} Toolchain
 * @property {string} kind the target's
 * @property {string} cc
 * @property {string} cxx
 * @property {string} [file] CMake's toolchain file; none for the machine's own compiler
 * @property {string} identity changes when anything of it does: what was built with another is built anew
 */

const folder = inCheckout('build-toolchains');

/** @returns {Promise<Toolchain>} */
export async function toolchainFor(target) {
  mkdirSync(folder, { recursive: true });
  if (target.libc === 'musl') return await muslToolchain(target);
  return isNative(target) ? await nativeToolchain(target) : await crossToolchain(target);
}

async function nativeToolchain({ kind }) {
  const [cc, cxx] = [
    findCommand(process.env.CC?.split(' ')[0] || 'cc'),
    findCommand(process.env.CXX?.split(' ')[0] || 'c++'),
  ];
  if (!cc || !cxx) throw new Refusal(missingTools([{ tool: 'a C and a C++ compiler', from: 'g++' }]));
  return { kind, cc, cxx, identity: digest(await versionOf(cc)) };
}

async function crossToolchain({ kind, machine }) {
  const prefix = `${machine}-linux-gnu`;
  const [cc, cxx] = [findCommand(`${prefix}-gcc`), findCommand(`${prefix}-g++`)];
  const debian = `g++-${machine.replace('_', '-')}-linux-gnu`;
  if (!cc || !cxx) throw new Refusal(missingTools([{ tool: `a cross compiler for ${kind}`, from: debian }]));
  const lines = [
    ...['LIBRARY', 'INCLUDE'].map((what) => `set(CMAKE_FIND_ROOT_PATH_MODE_${what} ONLY)`),
    'set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)',
  ];
  return await crossBuild({ kind, machine, cc, cxx, lines, version: await versionOf(cc) });
}

async function muslToolchain({ kind, machine }) {
  if (process.arch !== 'x64')
    throw new Refusal(`the addons for musl are built on x64 machines, and this one is ${process.arch}.`);
  const executable = await zig();
  const { cc, cxx } = writeCompilers(executable, machine, folder);
  // zig has ar and ranlib; Debian's strip for the machine comes with its cross compiler.
  const strip = findCommand(`${machine}-linux-gnu-strip`);
  if (!strip)
    throw new Refusal(
      missingTools([{ tool: `strip for ${machine}`, from: `binutils-${machine}-linux-gnu` }]),
    );
  const tools = { AR: 'ar', RANLIB: 'ranlib' };
  const lines = Object.entries(tools).map(([name, command]) => {
    const file = join(folder, `zig-${command}`);
    writeIfChanged(file, `#!/bin/sh\nexec '${executable}' ${command} "$@"\n`, 0o755);
    return `set(CMAKE_${name} ${file})`;
  });
  lines.push(`set(CMAKE_STRIP ${strip})`);
  const version = `zig ${zigVersion()} ${readFileSync(cc, 'utf8')} ${readFileSync(cxx, 'utf8')}`;
  return await crossBuild({ kind, machine, cc, cxx, lines, version });
}

function crossBuild({ kind, machine, cc, cxx, lines, version }) {
  const text = [
    'set(CMAKE_SYSTEM_NAME Linux)',
    `set(CMAKE_SYSTEM_PROCESSOR ${machine})`,
    `set(CMAKE_C_COMPILER ${cc})`,
    `set(CMAKE_CXX_COMPILER ${cxx})`,
    ...lines,
    '',
  ].join('\n');
  const file = join(folder, `${kind}.cmake`);
  writeIfChanged(file, text);
  return { kind, cc, cxx, file, identity: digest(text + version) };
}

function digest(text) {
  return createHash('sha256').update(text).digest('hex').slice(0, 16);
}

// CMake configures anew when its toolchain file is newer.
function writeIfChanged(file, text, mode) {
  if (!existsSync(file) || readFileSync(file, 'utf8') !== text) writeFileSync(file, text, { mode });
}

async function versionOf(compiler) {
  const { output } = await run(compiler, ['--version']);
  return output.split('\n')[0].trim();
}
