import { constants } from 'node:fs';
import { open, readdir, rename, unlink } from 'node:fs/promises';
import path from 'node:path';

/**
 * Files that are there in full or not at all, whenever the process or the machine dies: written beside their place,
 * flushed, renamed into it, and the directory flushed, so that the rename lasts too.
 */

const temporarySuffix = '.tmp';

/** Makes renames and removals in a directory last. */
async function flushDirectory(directory: string): Promise<void> {
  const handle = await open(directory, constants.O_RDONLY | constants.O_DIRECTORY);
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Puts `text` at `file`, readable by its owner only. Calls for one file must not overlap. */
export async function writeDurably(file: string, text: string): Promise<void> {
  const temporary = file + temporarySuffix;
  const handle = await open(temporary, 'w', 0o600);
  try {
    await handle.writeFile(text);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(temporary, file);
  await flushDirectory(path.dirname(file));
}

/** Removes `file` so that it stays removed. */
export async function removeDurably(file: string): Promise<void> {
  await unlink(file);
  await flushDirectory(path.dirname(file));
}

/** Removes what writers that were killed left behind. */
export async function removeTemporaryFiles(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    if (name.endsWith(temporarySuffix)) await unlink(path.join(directory, name));
  }
}
