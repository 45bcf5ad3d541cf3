// Every connection accounted for: what each side counts, and where it counts it.

/** The outcome of a connection that had not ended when the load stopped waiting for it. */
export const HUNG = 'HUNG';

/** Counts by name. */
export class Tally {
  counts = {};

  add(name) {
    this.counts[name] = (this.counts[name] ?? 0) + 1;
  }
}

export function total(counts) {
  return Object.values(counts).reduce((sum, count) => sum + count, 0);
}

/** A tally in words: `ECONNRESET 12, CLOSED 3`. */
export function inWords(counts) {
  const names = Object.keys(counts).sort();
  return names.length === 0 ? 'none' : names.map((name) => `${name} ${counts[name]}`).join(', ');
}

/**
 * Counts what becomes of a server's connections. `secure`: handshakes completed; `closed`: sockets of those that have emitted
 * 'close'; `failures`: 'tlsClientError' by code; `errors`: of sockets, by code; `words`: a message for each code of `failures`.
 */
export class ServerAccount {
  secure = 0;
  closed = 0;
  failures = new Tally();
  errors = new Tally();
  words = {};

  /**
   * @param {import('node:tls').Server} server
   * @param {{ closed?: (account: ServerAccount) => void, codeOf?: (error: Error) => string }} [hooks] where faults are made on purpose
   */
  constructor(server, { closed = () => {}, codeOf = ownCodeOf } = {}) {
    server.on('secureConnection', (socket) => {
      this.secure++;
      socket.on('error', (error) => this.errors.add(ownCodeOf(error)));
      socket.on('close', () => {
        this.closed++;
        closed(this);
      });
    });
    server.on('tlsClientError', (error) => {
      const code = codeOf(error);
      this.failures.add(code);
      this.words[code] ??= error.message;
    });
  }

  toJSON() {
    const { secure, closed, failures, errors, words } = this;
    return { secure, closed, failures: failures.counts, errors: errors.counts, words };
  }
}

export function ownCodeOf(error) {
  return error.code ?? error.name;
}

/** Sends a message to the process that started this one, which reads it with LineProcess. */
export function sendLine(message) {
  process.stdout.write(`${JSON.stringify(message)}\n`);
}
