// `npm run build:native` in a checkout, `npx s2n-pkey build` where the package is installed: builds the addon with CMake (in a
// checkout, the core's test program too), and what that needs.
//
//   --debug                           without optimization, into build-debug/
//   --sanitize=address,undefined      with sanitizers, into build-asan/ (CONTRIBUTING.md tells how to run it)
//   --sanitize=thread                 the same, into build-tsan/; the core only, since node is not built for it
//   --fuzz                            with address,undefined and libFuzzer, by clang, into build-fuzz/ (`npm run fuzz`)
//
// S2N_TLS_SOURCE_DIR and AWS_LC_SOURCE_DIR name sources to build instead of the pinned ones.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { basename, join, relative } from 'node:path';
import { buildVariant, inspectBuildFolder, pinned, prepareBuildFolder } from './build-folder.mjs';
import { compileAsItIs } from './changed-meanwhile.mjs';
import { root } from '../checkout.mjs';
import { Refusal, lastLines, run, runAsScript, say } from '../command.mjs';
import { oneAtATime } from './one-at-a-time.mjs';
import { isInstalledPackage } from './packaged-sources.mjs';
import { nativeBuildTools } from './requirements.mjs';

const inputs = isInstalledPackage
  ? await import('./inputs-of-package.mjs')
  : await import('./inputs-of-checkout.mjs');

const entryPoints = ['napi_register_module_v1', 'node_api_module_get_api_version_v1'];

/**
 * Builds what is not up to date.
 *
 * @param {string[]} [args] the options above
 * @param {{ packages?: 'build' | 'all', toolchain?: import('../prebuild/toolchains.mjs').Toolchain, tests?: boolean }} [options]
 *   the npm packages to see to: the build's own, or all that the lock names; what to compile with, where it is not this machine's
 *   own compiler; whether to build the core's test program as well
 * @returns {Promise<{ addon: string, out: string }>} the addon's file and the build folder
 */
export async function buildNative(args = [], { packages = 'build', toolchain, tests = true } = {}) {
  const variant = buildVariant(args, toolchain);
  return await oneAtATime(() => buildInTurn(variant, packages, tests));
}

async function buildInTurn(variant, packages, tests) {
  const needsPinned = Object.values(variant.sources).includes(pinned);
  const cargo = needsPinned && inputs.needsCargo();
  const tools = await nativeBuildTools({ cargo, clang: variant.fuzz, compilers: variant.toolchain });
  await inputs.prepareHeaders(packages);
  if (needsPinned) await inputs.prepareSources(tools);
  if (variant.sanitize) await installAwsLc();

  const folder = inspectBuildFolder(variant, tools);
  if (folder.startOver) say(`building in ${basename(variant.out)}/ from nothing, since ${folder.startOver}.`);
  prepareBuildFolder(variant.out, folder);
  const addon = join(variant.out, variant.config, 's2n_pkey.node');
  const builtBefore = modificationTime(addon);
  const started = Date.now();
  if (folder.configure) await configure(variant, folder.generator, tools);
  await compileAsItIs(() => compile(variant, tools, tests));
  if (variant.sanitize === 'thread') return { addon, out: variant.out };
  await assertExports(addon);
  if (modificationTime(addon) !== builtBefore) {
    say(`built ${relative(root, addon)} in ${Math.round((Date.now() - started) / 1000)} s.`);
  }
  inputs.tidy(variant);
  return { addon, out: variant.out };
}

/** Builds with sanitizers use the AWS-LC of the plain build, which is configured for that, but not built. */
async function installAwsLc() {
  const plain = buildVariant([]);
  const tools = await nativeBuildTools({ cargo: false });
  const folder = inspectBuildFolder(plain, tools);
  prepareBuildFolder(plain.out, folder);
  if (folder.configure) await configure(plain, folder.generator, tools);
}

// (The `compile` of cmake-js is not used: it deletes the whole build folder, AWS-LC with it, when a file does not compile.)
async function configure(variant, generator, tools) {
  if (!variant.sanitize && !existsSync(join(variant.out, 'aws-lc', 'built-from'))) {
    say(
      `building AWS-LC, then s2n-tls and the addon, into ${basename(variant.out)}/ (once; two to three minutes on two cores) ...`,
    );
  }
  const options = {
    S2N_PKEY_SANITIZE: variant.sanitize,
    S2N_PKEY_FUZZ: variant.fuzz ? 'ON' : 'OFF',
    S2N_PKEY_TOOLCHAIN: variant.toolchain?.identity ?? '',
    ...(variant.toolchain?.file ? { CMAKE_TOOLCHAIN_FILE: variant.toolchain.file } : {}),
    S2N_PKEY_AWS_LC_INSTALL: variant.sanitize ? join(buildVariant([]).out, 'aws-lc', 'install') : '',
    ...variant.sources,
  };
  const env = variant.fuzz ? { ...process.env, CC: tools.cc, CXX: tools.cxx } : process.env;
  const awsLc = { name: 'AWS-LC', log: join(variant.out, 'aws-lc-build.log') };
  const [command, ...args] = inputs.configureCommand(variant, generator, options, tools);
  await runLogged(variant, 'configure', awsLc, command, args, env);
}

async function compile(variant, tools, tests) {
  const jobs = process.env.CMAKE_BUILD_PARALLEL_LEVEL ? [] : ['--parallel', String(availableParallelism())];
  const ours = { name: 's2n-tls and the addon', log: join(variant.out, 'build.log') };
  const only = variant.sanitize === 'thread' ? 'core_test' : tests ? undefined : 's2n_pkey';
  const target = only === undefined ? [] : ['--target', only];
  await runLogged(variant, 'build', ours, tools.cmake, ['--build', variant.out, ...jobs, ...target]);
}

/** Runs one step with its output in a log file, saying from time to time how far it is by the log that is `watched`. */
async function runLogged(variant, step, watched, command, args, env = process.env) {
  const log = join(variant.out, `${step}.log`);
  const timer = setInterval(() => {
    const progress = progressIn(watched.log);
    if (progress) say(`${watched.name}: ${progress}`);
  }, 20_000);
  try {
    const { ok, output } = await run(command, args, { log, env });
    if (!ok) throw new Refusal(whyFailed(variant, step, log, output));
  } finally {
    clearInterval(timer);
  }
}

/** The last `[12/345]` of Ninja or `[ 12%]` of Make in a log file. */
function progressIn(log) {
  if (!existsSync(log)) return undefined;
  return [...readFileSync(log, 'utf8').matchAll(/^\[\s*(\d+\/\d+|\d+%)\]/gm)].at(-1)?.[1];
}

function whyFailed(variant, step, log, output) {
  const parts = [lastLines(output.slice(Math.max(0, output.indexOf('FAILED:'))), 60)];
  const awsLc = /Building AWS-LC failed: see (.*)$/m.exec(output)?.[1];
  if (awsLc && existsSync(awsLc)) parts.unshift(lastLines(readFileSync(awsLc, 'utf8'), 30));
  const memory = /Killed signal terminated|out of memory|cannot allocate memory/i.test(parts.join('\n'))
    ? ' The compiler ran out of memory: try again with CMAKE_BUILD_PARALLEL_LEVEL=1 in the environment.'
    : '';
  return `the native build failed (${step}; the whole log is ${relative(root, log)}):\n${parts.join('\n')}${memory}`;
}

// `node` exports OpenSSL's symbols, and so would the addon export AWS-LC's of the same names: one of the two would then
// run with the other's code.
async function assertExports(addon) {
  const { ok, missing, output } = await run('nm', ['--dynamic', '--defined-only', '--format=posix', addon]);
  if (missing)
    throw new Refusal(
      'checking the addon needs `nm`: install it with `apt-get install binutils` and run this again.',
    );
  if (!ok) throw new Refusal(`\`nm\` could not read ${addon}:\n${output}`);
  const exported = output
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(' ')[0]);
  const others = exported.filter((name) => !entryPoints.includes(name));
  if (others.length > 0 || !exported.includes(entryPoints[0])) {
    throw new Refusal(
      `${relative(root, addon)} must export nothing but its Node-API entry points, and exports ` +
        `${exported.length} symbols (${others.slice(0, 5).join(', ') || 'the entry point is not among them'}): look at binding/node/exports.map ` +
        'and the link options in CMakeLists.txt.',
    );
  }
}

function modificationTime(file) {
  return statSync(file, { throwIfNoEntry: false })?.mtimeMs;
}

await runAsScript(import.meta.url, async (args) => {
  const { addon } = await buildNative(args);
  say(`${relative(root, addon)} is up to date.`);
});
