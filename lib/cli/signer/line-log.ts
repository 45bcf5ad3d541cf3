import { fstatSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';

/** Bytes that may wait for a reader. */
const longestBacklog = 1_048_576;
/** Milliseconds that the last lines have to be read. */
const patience = 1_000;

/**
 * Writes lines to standard output, and never waits for whoever reads them. Node writes to a pipe synchronously, so that a reader that
 * stops would stop the signer; here its lines are dropped and counted.
 */
export class LineLog {
  readonly #output: Writable;
  readonly #isOwn: boolean;
  #dropped = 0;

  constructor() {
    const kind = fstatSync(1);
    this.#isOwn = kind.isFIFO() || kind.isSocket();
    this.#output = this.#isOwn ? new Socket({ fd: 1, readable: false, writable: true }) : process.stdout;
    this.#output.on('error', () => undefined); // Whoever reads may go away.
  }

  write(line: string): void {
    if (this.#output.writableLength > longestBacklog) {
      this.#dropped++;
      return;
    }
    if (this.#dropped > 0) {
      this.#output.write(`${JSON.stringify({ droppedLines: this.#dropped })}\n`);
      this.#dropped = 0;
    }
    this.#output.write(`${line}\n`);
  }

  close(): void {
    if (!this.#isOwn) return;
    this.#output.end();
    setTimeout(() => this.#output.destroy(), patience).unref();
  }
}
