// Does an addon load on systems older than the one it was built on?
import { readFileSync } from 'node:fs';
import { inCheckout } from '../checkout.mjs';
import { Refusal, run } from '../command.mjs';
import { isAtLeast } from '../build/requirements.mjs';

/** The oldest glibc that an addon in a package may ask for: `2.28`. */
export function glibcFloor() {
  const text = readFileSync(inCheckout('binding', 'glibc', 'floor.cmake'), 'utf8');
  return /^set\(GLIBC_FLOOR ([\d.]+)\)$/m.exec(text)[1];
}

/** Libraries of the system, which Node's own executables need too. */
const expectedLibraries = {
  glibc: /^(libc|libpthread|libgcc_s|libm|libdl|librt|ld-linux-[\w-]+)\.so\.\d+$/,
  // musl's loader is its C library, under whatever name an addon knows it: zig links `libc.so`, Alpine's compilers the other.
  musl: /^(libc\.so|libc\.musl-\w+\.so\.1)$/,
};

/** The numbers of processors in ELF headers. */
const processors = { x64: 62, arm64: 183 };

/**
 * Throws a Refusal that names what an addon asks for and the oldest system does not have: symbol versions of glibc, or libraries.
 *
 * @param {string} addon
 * @param {{ cpu: string, libc: 'glibc' | 'musl' }} target what it is for
 */
export async function assertLoadsOnOlderSystems(addon, { cpu, libc }) {
  const processor = readFileSync(addon).readUInt16LE(18);
  if (processor !== processors[cpu])
    throw new Refusal(`${addon} is for another processor than ${cpu}: its ELF header has ${processor}.`);
  const symbols = await inspect('nm', ['--dynamic', '--undefined-only', '--with-symbol-versions', addon]);
  const versions = [...symbols.matchAll(/ (\S+)@GLIBC_(\d[\d.]*)/g)];
  if (libc === 'glibc') refuseLateSymbols(addon, versions);
  const dynamic = await inspect('objdump', ['-p', addon]);
  const needed = [...dynamic.matchAll(/^ +NEEDED +(\S+)$/gm)].map(([, library]) => library);
  const strangers = needed.filter((library) => !expectedLibraries[libc].test(library));
  if (strangers.length > 0) {
    throw new Refusal(
      `${addon} needs libraries that users of ${libc} may not have: ${strangers.join(', ')}.`,
    );
  }
}

function refuseLateSymbols(addon, versions) {
  const floor = glibcFloor();
  const late = versions.filter(([, , version]) => !isAtLeast(floor, version));
  if (late.length > 0) {
    throw new Refusal(
      `${addon} asks for glibc later than ${floor}: ${late.map(([, name, version]) => `${name} (${version})`).join(', ')}. ` +
        'See binding/glibc/floor.cmake: do without it, or define it for the addon there.',
    );
  }
}

async function inspect(command, args) {
  const { ok, output, missing } = await run(command, args);
  if (missing) throw new Refusal(`\`${command}\` is missing: install it with \`apt-get install binutils\`.`);
  if (!ok) throw new Refusal(`\`${command}\` failed:\n${output}`);
  return output;
}
