import { readFileSync, readlinkSync } from 'node:fs';
import type { Server } from 'node:net';
import { InvalidOptionError } from '../../errors.ts';
import { SocketSignerError } from './socket-signer-error.ts';

/** In /proc/net/unix: `SOCK_STREAM`, and a flag of sockets that listen. */
const stream = 1;
const accepts = 0x10000;

/**
 * The path of a Unix socket that another process has opened and this one inherited.
 *
 * @throws InvalidOptionError `fd`, unless it is a Unix stream socket that listens.
 */
export function inheritedSocketPath(fd: unknown): string {
  if (typeof fd === 'number' && Number.isInteger(fd) && fd >= 0) {
    const inode = inodeOf(fd);
    for (const line of readFileSync('/proc/self/net/unix', 'utf8').split('\n').slice(1)) {
      // Num: RefCount Protocol Flags Type St Inode Path
      const [, flags = '', type = '', found = '', path = ''] =
        /^\S+: \S+ \S+ (\S+) (\S+) \S+ +(\d+)(?: (.*))?$/.exec(line) ?? [];
      if (found !== inode || Number.parseInt(type, 16) !== stream) continue;
      if ((Number.parseInt(flags, 16) & accepts) !== 0) return path;
    }
  }
  throw new InvalidOptionError('fd', 'the descriptor of a Unix stream socket that listens', fd);
}

function inodeOf(fd: number): string | undefined {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${fd}`))?.[1];
  } catch {
    return undefined;
  }
}

/** Has a server accept from an inherited socket, whose file belongs to the process that opened it. */
export function listenOn(server: Server, fd: number, path: string): Promise<void> {
  return new Promise((done, fail) => {
    const failed = (cause: Error): void => {
      fail(
        new SocketSignerError('LISTEN', path, `cannot listen at descriptor ${fd} (${cause.message})`, {
          cause,
        }),
      );
    };
    server.once('error', failed);
    server.listen({ fd }, () => {
      server.off('error', failed);
      done();
    });
  });
}
