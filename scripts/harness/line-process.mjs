// A child process that tells what it does as one JSON object a line, and takes a line as a cue.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

const patience = 30_000;

export class LineProcess {
  #name;
  #child;
  #lines = [];
  #wake = () => {};
  #failure;
  #ending = false;
  #closed;

  /** `name` is for messages. */
  constructor(name, command, args, env = process.env) {
    this.#name = name;
    this.#child = spawn(command, args, { env, stdio: ['pipe', 'pipe', 'pipe'] });
    let said = '';
    this.#child.stderr.setEncoding('utf8').on('data', (text) => {
      said = (said + text).slice(-4000);
    });
    this.#child.stdin.on('error', () => {}); // It ended before it was told to; 'close' says more.
    createInterface({ input: this.#child.stdout }).on('line', (line) => {
      const message = JSON.parse(line);
      if (message.event === 'failure') this.#fail(message.reason);
      else this.#lines.push(message);
      this.#wake();
    });
    this.#child.on('error', (error) => this.#fail(`it cannot be started (${error.message})`));
    this.#closed = once(this.#child, 'close').then(([code, signal]) => {
      if (code !== 0 || !this.#ending)
        this.#fail(`it ended (${signal ?? `exit code ${code}`}): ${said.trim()}`);
      this.#wake();
    });
    this.#closed.catch(() => {}); // 'error' has told it.
  }

  get pid() {
    return this.#child.pid;
  }

  /** The next line, which must be this event. `timeout` in milliseconds. */
  async next(event, timeout = patience) {
    const deadline = Date.now() + timeout;
    for (;;) {
      this.checkHealth();
      const message = this.#lines.shift();
      if (message?.event === event) return message;
      if (message) throw new Error(`${this.#name}: '${message.event}' came where '${event}' was expected`);
      const left = deadline - Date.now();
      if (left <= 0) throw new Error(`${this.#name}: no '${event}' within ${timeout} ms`);
      await new Promise((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  /** Writes one line. */
  cue(line = '') {
    this.#child.stdin.write(`${line}\n`);
  }

  /** Closes its standard input, which ends it; resolves when it is gone. @throws Error when it ended badly. */
  async end() {
    this.#ending = true;
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), patience);
    await this.#closed.catch(() => {});
    clearTimeout(timer);
    this.checkHealth();
  }

  checkHealth() {
    if (this.#failure) throw new Error(`${this.#name}: ${this.#failure}`);
  }

  #fail(reason) {
    this.#failure ??= reason;
  }
}
