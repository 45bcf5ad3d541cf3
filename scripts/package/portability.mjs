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
const expectedLibraries = /^(libc|libpthread|libgcc_s|libm|libdl|librt|ld-linux-[\w-]+)\.so\.\d+$/;

/**
 * Throws a Refusal that names what an addon asks for and the oldest system does not have: symbol versions of glibc, or libraries.
 * Where glibc is not in use, only libraries are looked at.
 */
export async function assertLoadsOnOlderSystems(addon) {
  const floor = glibcFloor();
  const symbols = await inspect('nm', ['--dynamic', '--undefined-only', '--with-symbol-versions', addon]);
  const late = [...symbols.matchAll(/ (\S+)@GLIBC_(\d[\d.]*)/g)].filter(
    ([, , version]) => !isAtLeast(floor, version),
  );
  if (late.length > 0) {
    throw new Refusal(
      `${addon} asks for glibc later than ${floor}: ${late.map(([, name, version]) => `${name} (${version})`).join(', ')}. ` +
        'See binding/glibc/floor.cmake: do without it, or define it for the addon there.',
    );
  }
  const dynamic = await inspect('objdump', ['-p', addon]);
  const strangers = [...dynamic.matchAll(/^ +NEEDED +(\S+)$/gm)]
    .map(([, library]) => library)
    .filter((library) => !expectedLibraries.test(library) && !/^libc\.musl-/.test(library));
  if (strangers.length > 0) {
    throw new Refusal(`${addon} needs libraries that users may not have: ${strangers.join(', ')}.`);
  }
}

async function inspect(command, args) {
  const { ok, output, missing } = await run(command, args);
  if (missing) throw new Refusal(`\`${command}\` is missing: install it with \`apt-get install binutils\`.`);
  if (!ok) throw new Refusal(`\`${command}\` failed:\n${output}`);
  return output;
}
