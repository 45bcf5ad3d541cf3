// `npm run build:ts`: compiles lib/ into dist/, when something in it has changed since.
import { createHash } from 'node:crypto';
import { chmodSync, existsSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { inCheckout, installedPackage } from '../checkout.mjs';
import { Refusal, run, runAsScript, say } from '../command.mjs';
import { installNpmPackages } from './npm-packages.mjs';
import { oneAtATime } from './one-at-a-time.mjs';

const dist = inCheckout('dist');
const stamp = join(dist, '.built-from');

/** Compiles lib/ into dist/ unless nothing changed since the last time. */
export async function buildTypeScript() {
  const sources = fingerprint();
  if (
    existsSync(stamp) &&
    existsSync(join(dist, 'lib', 'index.js')) &&
    readFileSync(stamp, 'utf8') === sources
  )
    return;
  if (!installedPackage('typescript')) await installNpmPackages();
  say('compiling lib/ into dist/ (tsc) ...');
  const tsc = join(installedPackage('typescript'), 'bin', 'tsc');
  const { ok, output } = await run(process.execPath, [tsc, '-p', 'tsconfig.build.json']);
  if (!ok) throw new Refusal(`TypeScript found faults:\n${output.trimEnd()}`);
  removeStale();
  const { writeCommonJsEntry } = await import('./commonjs-entry.mjs'); // it needs TypeScript, which is installed only now
  for (const declarations of entriesForRequire()) writeCommonJsEntry(declarations);
  // `npx` in the clone starts them as they are.
  for (const program of Object.values(manifest().bin)) chmodSync(inCheckout(program), 0o755);
  writeFileSync(stamp, sources);
}

/** The declarations of those of the package's ES modules that it has an entry for `require` for. */
function entriesForRequire() {
  return Object.values(manifest().exports).flatMap((entry) => (entry.require ? [inCheckout(entry.default.types)] : []));
}

function manifest() {
  return JSON.parse(readFileSync(inCheckout('package.json'), 'utf8'));
}

// By time and size, as tsc's own incremental builds would, but without the second that starting tsc takes.
function fingerprint() {
  const hash = createHash('sha256');
  const files = filesUnder(inCheckout('lib'));
  for (const file of [
    ...files,
    ...['tsconfig.json', 'tsconfig.build.json', 'package.json', 'scripts/build/commonjs-entry.mjs'].map((name) =>
      inCheckout(name),
    ),
  ]) {
    const { mtimeMs, size } = statSync(file);
    hash.update(`${file} ${mtimeMs} ${size}\n`);
  }
  return hash.digest('hex');
}

function filesUnder(folder) {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** tsc leaves what it made of a file that is gone. */
function removeStale() {
  for (const file of filesUnder(join(dist, 'lib'))) {
    const source = inCheckout(relative(dist, file).replace(/(\.d\.ts|\.js)$/, '.ts'));
    if (!existsSync(source)) rmSync(file);
  }
}

await runAsScript(import.meta.url, () => oneAtATime(buildTypeScript));
