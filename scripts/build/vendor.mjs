// `npm run vendor`: fetches the pinned sources of s2n-tls and AWS-LC into vendor/sources with `cargo vendor --locked`.
// Does nothing when they are there and right, and refuses them when they are not what vendor/Cargo.lock pins;
// `npm run vendor -- --force` throws them away and fetches them anew.
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { inCheckout } from '../checkout.mjs';
import { Refusal, lastLines, run, runAsScript, say } from '../command.mjs';
import { oneAtATime } from './one-at-a-time.mjs';
import { cargoPackage, findCommand, isAtLeast, missingTools, oldestCargo } from './requirements.mjs';
import { inspectSources, lockedCrates, sourcesFolder } from './vendored-sources.mjs';

/** Makes vendor/sources right, or throws a Refusal. */
export async function vendor({ quiet = true, force = false } = {}) {
  const found = force ? { state: 'outdated' } : inspectSources();
  if (found.state === 'tampered') throw new Refusal(tampered(found.faults));
  if (found.state === 'right') {
    if (!quiet) say('the sources in vendor/sources are the ones that vendor/Cargo.lock pins.');
    return;
  }
  const cargo = await usableCargo();
  removeLeftovers();
  const started = Date.now();
  say(`fetching ${pinned()} into vendor/sources (some 20 MB) ...`);
  await fetchSources(cargo);
  say(`fetched and checked in ${Math.round((Date.now() - started) / 1000)} s.`);
}

/** `s2n-tls-sys 0.3.47 and aws-lc-sys 0.47.0` */
function pinned() {
  const crates = lockedCrates();
  return ['s2n-tls-sys', 'aws-lc-sys']
    .map((name) => `${name} ${crates.find((crate) => crate.name === name)?.version}`)
    .join(' and ');
}

function tampered(faults) {
  const more = faults.length > 5 ? `, and ${faults.length - 5} more` : '';
  return (
    `the sources in vendor/sources are not those that vendor/Cargo.lock pins: ${faults.slice(0, 5).join(', ')}${more}. ` +
    'Nothing is built from them; fetch them anew with `npm run vendor -- --force`, or, to build from sources of your own, ' +
    'set S2N_TLS_SOURCE_DIR and AWS_LC_SOURCE_DIR.'
  );
}

async function usableCargo() {
  const cargo = findCommand('cargo');
  if (!cargo)
    throw new Refusal(missingTools([{ tool: `Cargo ${oldestCargo} or later`, from: cargoPackage() }]));
  const { ok, output } = await run(cargo, ['--version']);
  const version = /^cargo (\d+\.\d+(\.\d+)?)/m.exec(output)?.[1];
  if (!ok || version === undefined) throw new Refusal(`\`${cargo} --version\` failed:\n${lastLines(output)}`);
  if (!isAtLeast(version, oldestCargo)) {
    throw new Refusal(
      `fetching the sources needs Cargo ${oldestCargo} or later, and ${cargo} is ${version}: install a newer one ` +
        `(on Debian 12 \`apt-get install cargo-web\`) and run this again.`,
    );
  }
  return cargo;
}

// Into a folder of this process's own, which takes its name only when it is complete and checked: whatever interrupts
// this leaves no half of it under the name that the build reads.
async function fetchSources(cargo) {
  const partial = `${sourcesFolder}.partial-${process.pid}`;
  try {
    mkdirSync(partial);
    const manifest = inCheckout('vendor', 'Cargo.toml');
    const args = ['vendor', '--locked', '--versioned-dirs', '--manifest-path', manifest, partial];
    const { ok, output } = await run(cargo, args);
    if (!ok) throw new Refusal(whyCargoFailed(output));
    const fetched = inspectSources(partial);
    if (fetched.state !== 'right')
      throw new Refusal(tampered(fetched.faults ?? ['cargo fetched other crates']));
    putInPlace(partial);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

function putInPlace(partial) {
  const outdated = `${partial}-outdated`;
  if (existsSync(sourcesFolder)) renameSync(sourcesFolder, outdated);
  try {
    renameSync(partial, sourcesFolder);
  } catch (error) {
    // Another run of this script was quicker.
    if (inspectSources().state !== 'right') throw error;
  }
  rmSync(outdated, { recursive: true, force: true });
}

// What runs that were killed left behind; a folder whose process lives is somebody's work.
function removeLeftovers() {
  for (const entry of readdirSync(inCheckout('vendor'))) {
    const pid = /^sources\.partial-(\d+)/.exec(entry)?.[1];
    if (pid && !existsSync(`/proc/${pid}`))
      rmSync(inCheckout('vendor', entry), { recursive: true, force: true });
  }
}

function whyCargoFailed(output) {
  const cause = output.trimEnd().split('\n').at(-1)?.trim();
  if (/lock file .* needs to be updated|cannot update the lock file/.test(output)) {
    return (
      'vendor/Cargo.toml and vendor/Cargo.lock do not agree: after a change of the first, run ' +
      '`cargo update --manifest-path vendor/Cargo.toml --workspace` and commit both.'
    );
  }
  if (/checksum for .* changed|failed to verify the checksum/.test(output)) {
    return `the registry's crates are not those that vendor/Cargo.lock pins, so nothing was taken from it (cargo: ${cause}).`;
  }
  if (/lock file version|edition2024|failed to parse manifest/.test(output)) {
    return `this cargo is too old for the pinned sources, so install a newer one (cargo: ${cause}).`;
  }
  if (/resolve host|connect|timed? ?out|network|failed to (download|fetch)|spurious|offline/i.test(output)) {
    return (
      'the sources of s2n-tls and AWS-LC could not be fetched, since this machine does not reach the crates registry: ' +
      'connect it (cargo honours HTTPS_PROXY and the mirrors of its own configuration), or set S2N_TLS_SOURCE_DIR and ' +
      `AWS_LC_SOURCE_DIR to sources that are here (cargo: ${cause}).`
    );
  }
  return `\`cargo vendor\` failed:\n${lastLines(output, 15)}`;
}

await runAsScript(import.meta.url, (args) =>
  oneAtATime(() => vendor({ quiet: false, force: args.includes('--force') })),
);
