// `npm run prebuild`: builds the addon for every kind of machine that a release supports, on one x64 machine with Debian, each in
// a folder of its own (build-linux-arm64-musl), and checks what they export and need. Only what changed is built again.
//
//   --only KIND      one of them (again for others): linux-x64-glibc, linux-x64-musl, linux-arm64-glibc, linux-arm64-musl
import { parseArgs } from 'node:util';
import { relative } from 'node:path';
import { buildNative } from '../build/build-native.mjs';
import { oneAtATime } from '../build/one-at-a-time.mjs';
import { root } from '../checkout.mjs';
import { Refusal, runAsScript, say } from '../command.mjs';
import { assertLoadsOnOlderSystems } from '../package/portability.mjs';
import { targets } from './targets.mjs';
import { toolchainFor } from './toolchains.mjs';

function readOptions(args) {
  let values;
  try {
    ({ values } = parseArgs({ args, options: { only: { type: 'string', multiple: true } } }));
  } catch (error) {
    throw new Refusal(`${error.message}. The option is --only KIND.`);
  }
  const kinds = targets.map(({ kind }) => kind);
  const unknown = values.only?.find((kind) => !kinds.includes(kind));
  if (unknown !== undefined) throw new Refusal(`--only: expected ${kinds.join(', ')}; given '${unknown}'.`);
  return { only: targets.filter(({ kind }) => values.only === undefined || values.only.includes(kind)) };
}

/**
 * Builds the addon for one target.
 *
 * @param {import('./targets.mjs').Target} target
 * @returns {Promise<{ addon: string, out: string }>}
 */
export async function prebuild(target, { tests = false } = {}) {
  const toolchain = await toolchainFor(target);
  const built = await buildNative([], { toolchain, tests });
  await assertLoadsOnOlderSystems(built.addon, target);
  return built;
}

await runAsScript(import.meta.url, async (args) => {
  for (const name of ['S2N_TLS_SOURCE_DIR', 'AWS_LC_SOURCE_DIR']) {
    if (process.env[name])
      throw new Refusal(`${name} is set, and a release is made of the pinned sources only: unset it.`);
  }
  const { only } = readOptions(args);
  await oneAtATime(async () => {
    for (const target of only) {
      const { addon } = await prebuild(target);
      say(
        `${relative(root, addon)} is up to date: it exports Node-API's entry points only, and needs no later C library.`,
      );
    }
  });
});
