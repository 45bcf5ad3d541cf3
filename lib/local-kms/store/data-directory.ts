import { once } from 'node:events';
import { chmod, mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { connect, createServer, type Server } from 'node:net';
import path from 'node:path';
import { removeTemporaryFiles, writeDurably } from './durable-file.ts';
import { LocalKmsError, systemErrorCode } from './local-kms-error.ts';

const markerName = 'local-kms.json';
const format = 1;

/**
 * The directory that holds everything the local KMS keeps: `local-kms.json` (says that it is one, and its format),
 * `aliases.json`, `keys/`, one JSON file a key, and a `.gitignore` that keeps all of it out of Git. Directories have mode 700, files 600. One process at a time.
 */
export class DataDirectory {
  readonly path: string;
  readonly #lock: Server;

  private constructor(directory: string, lock: Server) {
    this.path = directory;
    this.#lock = lock;
  }

  get keysPath(): string {
    return path.join(this.path, 'keys');
  }

  get aliasesPath(): string {
    return path.join(this.path, 'aliases.json');
  }

  keyPath(keyId: string): string {
    return path.join(this.keysPath, `${keyId}.json`);
  }

  /** Makes, checks and locks the directory. Throws `LocalKmsError`. */
  static async open(directory: string): Promise<DataDirectory> {
    const absolute = path.resolve(directory);
    try {
      await mkdir(absolute, { recursive: true, mode: 0o700 });
    } catch (cause) {
      throw new LocalKmsError(`the data directory ${absolute} cannot be made (${String(cause)})`, { cause });
    }
    const lock = await acquireLock(absolute);
    try {
      await checkMarker(absolute);
      await ignoreForGit(absolute);
      const data = new DataDirectory(absolute, lock);
      await mkdir(data.keysPath, { recursive: true, mode: 0o700 });
      // It is ours (marked, or made just now): nobody else has any business in it, whatever the umask was.
      await chmod(absolute, 0o700);
      await chmod(data.keysPath, 0o700);
      await removeTemporaryFiles(absolute);
      await removeTemporaryFiles(data.keysPath);
      return data;
    } catch (cause) {
      lock.close();
      if (cause instanceof LocalKmsError) throw cause;
      throw new LocalKmsError(`the data directory ${absolute} cannot be used (${String(cause)})`, { cause });
    }
  }

  /** Lets another process have it. */
  async close(): Promise<void> {
    if (!this.#lock.listening) return;
    this.#lock.close();
    await once(this.#lock, 'close');
  }
}

/** Refuses directories that hold something else: their mode is about to be changed, and files written in them. */
async function checkMarker(directory: string): Promise<void> {
  const marker = path.join(directory, markerName);
  let text: string;
  try {
    text = await readFile(marker, 'utf8');
  } catch (cause) {
    if (systemErrorCode(cause) !== 'ENOENT') throw cause;
    const others = (await readdir(directory)).filter((name) => name !== `${markerName}.tmp`);
    if (others.length > 0) {
      throw new LocalKmsError(
        `${directory} is not empty and was not made by the local KMS; name a directory of its own with --data`,
      );
    }
    await writeDurably(marker, `${JSON.stringify({ format })}\n`);
    return;
  }
  const content: unknown = JSON.parse(text);
  const given: unknown =
    typeof content === 'object' && content !== null && 'format' in content ? content.format : '';
  if (given !== format) {
    throw new LocalKmsError(`${marker} is of format ${String(given)}; this version reads format ${format}`);
  }
}

/** Keys must not be committed by accident, wherever the directory is. */
async function ignoreForGit(directory: string): Promise<void> {
  try {
    await writeFile(path.join(directory, '.gitignore'), '*\n', { flag: 'wx', mode: 0o600 });
  } catch (cause) {
    if (systemErrorCode(cause) !== 'EEXIST') throw cause;
  }
}

/**
 * Takes the directory's lock: an abstract Unix socket named after its device and inode. The kernel takes it back when
 * the process ends, however it ends, so there are no stale locks. Whoever connects to it reads the owner's pid.
 */
async function acquireLock(directory: string): Promise<Server> {
  const { dev, ino } = await stat(directory);
  const name = `\0s2n-pkey-local-kms-${dev}-${ino}`;
  const lock = createServer((socket) => {
    socket.on('error', () => undefined); // Whoever asked has gone: nothing to tell them.
    socket.end(`${process.pid}\n`);
  });
  lock.unref();
  lock.listen(name);
  try {
    await once(lock, 'listening');
  } catch (cause) {
    if (systemErrorCode(cause) !== 'EADDRINUSE') {
      throw new LocalKmsError(`the data directory ${directory} cannot be locked (${String(cause)})`, {
        cause,
      });
    }
    const owner = await askOwner(name);
    throw new LocalKmsError(
      `the data directory ${directory} is in use by another local KMS${owner}; stop it, or name another with --data`,
      { cause },
    );
  }
  return lock;
}

async function askOwner(name: string): Promise<string> {
  const socket = connect(name);
  socket.setTimeout(1000, () => socket.destroy());
  let text = '';
  try {
    for await (const chunk of socket) text += String(chunk);
  } catch {
    return ''; // It ended meanwhile; the pid was for the message only.
  }
  return /^\d+\n$/.test(text) ? ` (process ${text.trim()})` : '';
}
