// Detects sources that change while they are compiled. Ninja and Make compare times only: if a file is saved after the compiler has
// read it and before the object is written, the object looks newer, and no later build compiles the file again.
import { existsSync, readdirSync, statSync, utimesSync } from 'node:fs';
import { join, relative } from 'node:path';
import { root } from '../checkout.mjs';
import { Refusal, say } from '../command.mjs';

const folders = ['binding', 'test/binding', 'test/fuzz', 'CMakeLists.txt'];

/**
 * Compiles, and again as long as sources change during that, up to three times. After a compilation that failed, the next build
 * compiles what changed.
 *
 * @param {() => Promise<void>} compile
 * @param {string[]} [paths] files and folders of sources
 */
export async function compileAsItIs(compile, paths = folders.map((path) => join(root, path))) {
  for (let round = 0; round < 3; round++) {
    const before = modificationTimes(paths);
    try {
      await compile();
    } catch (error) {
      touchChanged(paths, before);
      throw error;
    }
    const changed = touchChanged(paths, before);
    if (changed.length === 0) return;
    const names = changed.map((file) => relative(root, file));
    say(`${names.slice(0, 5).join(', ')} changed during the build: compiling again.`);
  }
  throw new Refusal('the sources change while they are built: run this again when all files are saved.');
}

/** Sets the time of each file that changed or is new to now, and returns their names. */
function touchChanged(paths, before) {
  const later = new Date(Date.now() + 1); // a Date has no parts of a millisecond
  const changed = [...modificationTimes(paths)].filter(([file, time]) => before.get(file) !== time);
  for (const [file] of changed) utimesSync(file, later, later);
  return changed.map(([file]) => file);
}

/** Of each file, in nanoseconds. */
function modificationTimes(paths) {
  const times = new Map();
  const add = (file) => {
    const found = statSync(file, { bigint: true, throwIfNoEntry: false });
    if (found) times.set(file, found.mtimeNs); // an editor may have replaced the file
  };
  for (const path of paths.filter((one) => existsSync(one))) {
    if (!statSync(path).isDirectory()) add(path);
    else
      for (const entry of readdirSync(path, { recursive: true, withFileTypes: true }))
        if (entry.isFile()) add(join(entry.parentPath, entry.name));
  }
  return times;
}
