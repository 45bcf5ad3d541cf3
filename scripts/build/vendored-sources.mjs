// Are the sources in a folder the ones vendor/Cargo.lock pins? Cargo's own checks, done by us, since no cargo runs when
// only C is built: a crate's checksum is that of the lock file, and each of its files is the one that was listed. In an
// installed package they are only those that packaged-sources.mjs names.
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join, relative } from 'node:path';
import { inCheckout } from '../checkout.mjs';
import { isInstalledPackage, isPackaged } from './packaged-sources.mjs';

/** Where the C sources lie once they are fetched. */
export const sourcesFolder = inCheckout('vendor', 'sources');

/** The crates of vendor/Cargo.lock that come from a registry, as `{ name, version, checksum }`. */
export function lockedCrates(lockFile = inCheckout('vendor', 'Cargo.lock')) {
  return readFileSync(lockFile, 'utf8')
    .split('[[package]]')
    .slice(1)
    .map((block) =>
      Object.fromEntries([...block.matchAll(/^(\w+) = "(.*)"$/gm)].map(([, key, value]) => [key, value])),
    )
    .filter(({ checksum }) => checksum !== undefined)
    .map(({ name, version, checksum }) => ({ name, version, checksum }));
}

/**
 * Compares a folder of vendored crates with the lock file.
 *
 * @returns {{ state: 'right' } | { state: 'absent' } | { state: 'outdated' } | { state: 'tampered', faults: string[] }}
 *   `outdated`: other crates or versions than the lock's, as after an update; `tampered`: the right versions, other contents
 */
export function inspectSources(
  folder = sourcesFolder,
  { crates = lockedCrates(), packaged = isInstalledPackage } = {},
) {
  if (!existsSync(folder)) return { state: 'absent' };
  if (packaged) crates = crates.filter(({ name }) => isPackaged(name));
  const expected = crates.map(({ name, version }) => `${name}-${version}`).sort();
  const present = readdirSync(folder).sort();
  if (expected.some((crate) => !present.includes(crate))) return { state: 'outdated' };
  const strangers = present.filter((entry) => !expected.includes(entry));
  if (strangers.length > 0 && strangers.every((entry) => /-\d+\.\d+\.\d+/.test(entry)))
    return { state: 'outdated' };

  const faults = strangers.map((entry) => `${entry} is not in vendor/Cargo.lock`);
  for (const crate of crates) faults.push(...faultsOfCrate(folder, crate, packaged));
  return faults.length > 0 ? { state: 'tampered', faults } : { state: 'right' };
}

function faultsOfCrate(folder, { name, version, checksum }, packaged) {
  const crate = join(folder, `${name}-${version}`);
  const shown = (file) => join(`${name}-${version}`, file);
  let listing;
  try {
    listing = JSON.parse(readFileSync(join(crate, '.cargo-checksum.json'), 'utf8'));
  } catch {
    return [`${shown('.cargo-checksum.json')} is missing or unreadable`];
  }
  if (listing.package !== checksum) return [`${shown('')} has not the checksum of vendor/Cargo.lock`];

  const faults = [];
  const present = new Set(
    readdirSync(crate, { recursive: true, withFileTypes: true })
      .filter((entry) => !entry.isDirectory())
      .map((entry) => relative(crate, join(entry.parentPath ?? entry.path, entry.name))),
  );
  present.delete('.cargo-checksum.json');
  for (const [file, sha256] of Object.entries(listing.files)) {
    if (packaged && !isPackaged(name, file)) continue;
    if (!present.delete(file)) faults.push(`${shown(file)} is missing`);
    else if (
      createHash('sha256')
        .update(readFileSync(join(crate, file)))
        .digest('hex') !== sha256
    ) {
      faults.push(`${shown(file)} was changed`);
    }
  }
  for (const file of present) faults.push(`${shown(file)} does not belong there`);
  return faults;
}
