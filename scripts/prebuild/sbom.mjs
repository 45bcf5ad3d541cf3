// The bills of materials of a release's packages (CycloneDX 1.6). @cyclonedx/cyclonedx-npm writes that of `s2n-pkey` from the lock
// file; what is compiled into the addons is added here, with the checksums that Cargo's lock pins. Nothing in them is the time or
// chance, so that the same commit gives the same bytes.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { inCheckout, installedPackage } from '../checkout.mjs';
import { Refusal, lastLines, run } from '../command.mjs';
import { lockedCrates, sourcesFolder } from '../build/vendored-sources.mjs';
import { manifestOf, tool } from '../package/check/tools.mjs';
import { packageOf } from '../package/platform-packages.mjs';
import { zigVersion } from './zig.mjs';

const generator = ['@cyclonedx/cyclonedx-npm', 'bin/cyclonedx-npm-cli.js'];

/**
 * @param {import('./targets.mjs').Target[]} targets
 * @param {string} version of the release
 * @returns {Promise<Map<string, object>>} by the packages' names
 */
export async function billsOfMaterials(targets, version) {
  const npm = await billOfNpm();
  const sources = compiledSources();
  npm.components.push(...sources);
  npm.dependencies.push(...sources.map(({ 'bom-ref': ref }) => ({ ref })));
  const boms = new Map([['s2n-pkey', npm]]);
  for (const target of targets) boms.set(packageOf(target.kind), billOfAddon(npm, target, version));
  for (const [name, bom] of boms) await validate(name, bom);
  return boms;
}

async function billOfNpm() {
  const args = [
    '--package-lock-only',
    '--omit',
    'dev',
    '--omit',
    'peer',
    '--omit',
    'optional',
    '--output-reproducible',
  ];
  const more = ['--of', 'JSON', '--spec-version', '1.6', '--mc-type', 'library', '--output-file', '-'];
  const command = [process.execPath, await tool(...generator), ...args, ...more, inCheckout('package.json')];
  const { ok, output } = await run(command[0], command.slice(1));
  const start = output.indexOf('{\n');
  if (!ok || start < 0) throw new Refusal(`cyclonedx-npm failed:\n${lastLines(output)}`);
  return JSON.parse(output.slice(start, output.lastIndexOf('}') + 1));
}

/** What is compiled into every addon. */
function compiledSources() {
  const crates = lockedCrates().filter(({ name }) => ['s2n-tls-sys', 'aws-lc-sys'].includes(name));
  const nodeAddonApi = manifestOf(installedPackage('node-addon-api')).version;
  return [
    ...crates.map(({ name, version, checksum }) =>
      component(name, version, licenceOf(name, version), {
        purl: `pkg:cargo/${name}@${version}`,
        hashes: [{ alg: 'SHA-256', content: checksum }],
      }),
    ),
    component('node-addon-api', nodeAddonApi, 'MIT', { purl: `pkg:npm/node-addon-api@${nodeAddonApi}` }),
  ];
}

function licenceOf(name, version) {
  const manifest = readFileSync(join(sourcesFolder, `${name}-${version}`, 'Cargo.toml'), 'utf8');
  return /^license = "(.*)"$/m.exec(manifest)[1];
}

function billOfAddon(npm, { kind, libc }, version) {
  const name = packageOf(kind);
  const purl = `pkg:npm/${name.replace('@', '%40')}@${version}`;
  const runtime =
    libc === 'musl'
      ? component('libc++ (LLVM, of zig)', zigVersion(), 'Apache-2.0 WITH LLVM-exception')
      : component('libstdc++ (GCC)', 'of Debian 12', 'GPL-3.0-or-later WITH GCC-exception-3.1');
  const components = [...compiledSources(), runtime];
  const main = { type: 'library', name, version, 'bom-ref': purl, purl };
  const { $schema, bomFormat, specVersion, metadata } = npm;
  return {
    ...{
      $schema,
      bomFormat,
      specVersion,
      version: 1,
      metadata: { ...metadata, component: main },
      components,
    },
    dependencies: [
      { ref: purl, dependsOn: components.map(({ 'bom-ref': ref }) => ref) },
      ...components.map(({ 'bom-ref': ref }) => ({ ref })),
    ],
  };
}

function component(name, version, expression, more = {}) {
  return {
    type: 'library',
    name,
    version,
    'bom-ref': `${name}@${version}`,
    licenses: [{ expression }],
    ...more,
  };
}

/** Against CycloneDX's own schema. */
async function validate(name, bom) {
  const require = createRequire(await tool(...generator));
  const { Spec, Validation } = require('@cyclonedx/cyclonedx-library');
  const fault = await new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(JSON.stringify(bom));
  if (fault !== null)
    throw new Refusal(
      `the bill of materials of ${name} is not valid: ${JSON.stringify(fault).slice(0, 800)}`,
    );
}
