import { existsSync, linkSync, renameSync, unlinkSync } from 'node:fs';

/**
 * Keeps the path of a Unix socket when the handle that bound it closes. libuv removes the path then, although another handle
 * still listens. Does nothing for a TCP socket or an abstract name.
 */
export class SocketPath {
  readonly #path: string | undefined;
  readonly #kept: string;
  #removes = false;

  /** @param address as `server.address()` returns it. */
  constructor(address: unknown) {
    this.#path = typeof address === 'string' && !address.startsWith('\0') ? address : undefined;
    this.#kept = `${this.#path ?? ''}.${process.pid}`;
  }

  /** Call it before the handle is closed. False: the path cannot be kept, so do not close the handle. */
  keep(): boolean {
    return this.#path === undefined || this.#try(() => linkSync(this.#path ?? '', this.#kept));
  }

  /** Call it after the handle was closed. */
  restore(): void {
    const path = this.#path;
    if (path === undefined) return;
    this.#removes ||= !existsSync(path);
    this.#try(() => renameSync(this.#kept, path));
    this.#try(() => unlinkSync(this.#kept)); // it is left if libuv removed nothing, because both names are one file
  }

  /** Call it when the server closes. Removes the path, as libuv would have done. */
  remove(): void {
    const path = this.#path;
    if (path !== undefined && this.#removes) this.#try(() => unlinkSync(path));
  }

  #try(act: () => void): boolean {
    try {
      act();
      return true;
    } catch {
      return false;
    }
  }
}
