import type { BigIntStats } from 'node:fs';
import { chmod, link, lstat, mkdir, mkdtemp, rename, rm, rmdir, stat, unlink } from 'node:fs/promises';
import { createConnection, type Server } from 'node:net';
import { dirname, join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Option } from '../../options/option.ts';
import { SocketSignerError } from './socket-signer-error.ts';

/** What the kernel takes (sun_path has 108 bytes, the last of them 0), less what a name beside it is longer by. */
const longestPath = 94;

/** Read as an absolute path. */
export const socketPathOption: Option<string> = {
  type: 'string',
  expected: `the path of a Unix socket, such as '/run/signer/site.sock', of at most ${longestPath} bytes`,
  isRequired: true,
  isSecret: false,
  fits: (value) =>
    typeof value === 'string' &&
    value !== '' &&
    !value.includes('\0') &&
    Buffer.byteLength(resolve(value)) <= longestPath,
  read: (_name, value) => resolve(String(value)),
};

const writableByOthers = 0o002;

/** Whether a mode lets every user of the machine connect: on Linux that is the right to write to the socket. */
export function letsOthersIn(mode: number): boolean {
  return (mode & writableByOthers) !== 0;
}

/**
 * Refuses a socket that every user may connect to, unless that is wanted, and a path that is no socket.
 *
 * @throws SocketSignerError `…_PERMISSIONS`; `…_UNREACHABLE` when there is nothing.
 */
export async function checkSocketFile(path: string, allowOthers: boolean): Promise<void> {
  let found;
  try {
    found = await stat(path);
  } catch (cause) {
    throw new SocketSignerError(
      'UNREACHABLE',
      path,
      `there is no socket ${path}: start its signer (npx s2n-pkey signer --socket ${path} --key alias/site)`,
      { cause },
    );
  }
  if (!found.isSocket()) {
    throw new SocketSignerError('PERMISSIONS', path, `${path} is not a socket: give the path of a signer's`);
  }
  if (letsOthersIn(found.mode) && !allowOthers) {
    throw new SocketSignerError(
      'PERMISSIONS',
      path,
      `every user of this machine may have ${path} sign (mode ${(found.mode & 0o777).toString(8)}): give the socket mode 600 or ` +
        '660, or say allowOthers: true',
    );
  }
}

/**
 * Has a server listen at a path, which appears there with its permissions, and in place of a file that an earlier process has left:
 * nobody can connect meanwhile who may not, and no server that listens loses its socket. Returns what removes the file again.
 *
 * @throws SocketSignerError `…_IN_USE`, `…_LISTEN`.
 */
export async function listenAt(server: Server, path: string, mode: number): Promise<() => Promise<void>> {
  let folder: string;
  try {
    folder = await mkdtemp(join(dirname(path), '.s2n-'));
  } catch (cause) {
    throw listenFault(path, cause);
  }
  try {
    const hidden = join(folder, 's'); // mkdtemp's folder is the user's own, mode 700.
    await new Promise<void>((done, fail) => {
      server.once('error', fail);
      server.listen(hidden, () => {
        server.off('error', fail);
        done();
      });
    });
    await chmod(hidden, mode);
    await oneAtATime(path, async () => {
      await removeStale(path, join(folder, 'stale'));
      await link(hidden, path); // Fails when there is one meanwhile.
    });
    const own = await factsOf(path);
    return async () => {
      if (isSame(own, await factsOf(path))) await unlink(path).catch(() => undefined);
    };
  } catch (cause) {
    server.close();
    if (cause instanceof SocketSignerError) throw cause;
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') throw inUse(path);
    throw listenFault(path, cause);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Milliseconds after which a lock is one that a process left when it was killed: one is held for a few. */
const longestLock = 5_000;

/**
 * Lets one process at a time replace the socket at a path. Of several that start at once, one could otherwise take the new
 * socket of another for the old one.
 */
async function oneAtATime(path: string, work: () => Promise<void>): Promise<void> {
  const lock = `${path}.lock`;
  for (;;) {
    try {
      await mkdir(lock, { mode: 0o700 });
      break;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
      const held = await factsOf(lock);
      const isLeft = held !== undefined && Date.now() - Number(held.mtimeMs) > longestLock;
      if (isLeft) await rmdir(lock).catch(() => undefined);
      else await pause(10);
    }
  }
  try {
    await work();
  } finally {
    await rmdir(lock).catch(() => undefined);
  }
}

/** Of the file itself: links are not followed. */
function factsOf(path: string): Promise<BigIntStats | undefined> {
  return lstat(path, { bigint: true }).catch(() => undefined);
}

/** File systems give the inode of a removed file to the next one, whose time is another. */
function isSame(one: BigIntStats | undefined, other: BigIntStats | undefined): boolean {
  if (one === undefined || other === undefined) return false;
  return one.ino === other.ino && one.dev === other.dev && one.mtimeNs === other.mtimeNs;
}

/** Removes a socket that nobody listens at, by way of `aside`, a name in a folder of ours. */
async function removeStale(path: string, aside: string): Promise<void> {
  const before = await factsOf(path);
  if (before === undefined) return;
  if (!before.isSocket()) {
    throw new SocketSignerError(
      'IN_USE',
      path,
      `${path} is there already, and is not a socket: it is left as it is; choose another path`,
    );
  }
  if (await somebodyListens(path)) throw inUse(path);
  try {
    await rename(path, aside);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return; // Another process has removed it.
    throw cause;
  }
  // Another process may have replaced it since we looked: then that one's is put back.
  if (isSame(before, await factsOf(aside))) return;
  await link(aside, path).catch(() => undefined);
  throw inUse(path);
}

function somebodyListens(path: string): Promise<boolean> {
  return new Promise((done) => {
    const probe = createConnection(path);
    probe.once('connect', () => {
      probe.destroy();
      done(true);
    });
    // Refused: nobody listens. Anything else (a full backlog, no permission) is no proof of that.
    probe.once('error', (error: NodeJS.ErrnoException) =>
      done(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT'),
    );
  });
}

function inUse(path: string): SocketSignerError {
  return new SocketSignerError(
    'IN_USE',
    path,
    `another process listens at ${path}: end it first, or choose another path`,
  );
}

function listenFault(path: string, cause: unknown): SocketSignerError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new SocketSignerError('LISTEN', path, `cannot listen at ${path} (${reason})`, { cause });
}
