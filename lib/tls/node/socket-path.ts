import { existsSync, linkSync, renameSync, unlinkSync } from 'node:fs';

/**
 * The path of a Unix socket while the handle that bound it is closed: libuv removes the path then, though the socket
 * goes on listening under another handle. Nothing at all for a TCP socket or a name without a file.
 */
export class SocketPath {
  readonly #path: string | undefined;
  readonly #kept: string;
  #removes = false;

  /** `address` as `server.address()` gives it. */
  constructor(address: unknown) {
    this.#path = typeof address === 'string' && !address.startsWith('\0') ? address : undefined;
    this.#kept = `${this.#path ?? ''}.${process.pid}`;
  }

  /** Before the handle is closed. False: the path could not be kept, so the handle must not be closed. */
  keep(): boolean {
    return this.#path === undefined || this.#try(() => linkSync(this.#path ?? '', this.#kept));
  }

  /** After the handle was closed. */
  restore(): void {
    const path = this.#path;
    if (path === undefined) return;
    this.#removes ||= !existsSync(path);
    this.#try(() => renameSync(this.#kept, path));
    this.#try(() => unlinkSync(this.#kept)); // still there where libuv removed nothing: both were one file
  }

  /** When the server closes: what libuv would have done. */
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
