import type { Engine } from '../../native/engine.ts';

/** Descriptors per connection at most: TCP, and both ends of the plaintext's socketpair. */
const PER_CONNECTION = 3;
/** With a lower limit, a process that serves TLS gets a warning. */
const SMALL_LIMIT = 1024;

/** Descriptors of the process, as `'acceptPaused'` and `'acceptResumed'` report them. */
export interface DescriptorReport {
  /** In use by the whole process. */
  readonly descriptors: number;
  /** The soft limit of open files. */
  readonly limit: number;
  /** Kept free for the application: its files, requests to KMS, logs. */
  readonly reserve: number;
}

/**
 * Decides whether there are descriptors for one more connection. A connection takes three, two of them when its handshake is
 * done, so those of handshakes in progress count as used. A reserve stays free for the application. Checks are rare, because
 * they are system calls: after one, half of the free descriptors may be used without another.
 */
export class DescriptorBudget {
  readonly #engine: Engine;
  /** Connections that may be admitted without a check. */
  #credit = 0;
  /** An accepted descriptor of this number or above needs a check, because all lower ones are in use. */
  #ceiling = 0;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Called once per connection. Its descriptor `fd` is already in use; undefined if it has none yet. */
  admits(fd: number | undefined): boolean {
    if (this.#credit > 0 && (fd ?? 0) < this.#ceiling) {
      this.#credit--;
      return true;
    }
    return this.hasRoom();
  }

  /** Checks the kernel's figures. */
  hasRoom(): boolean {
    const { descriptors, limit, reserve } = this.report();
    const room = limit - reserve - descriptors - (PER_CONNECTION - 1) * this.#engine.handshakes;
    this.#credit = Math.max(0, Math.floor(room / PER_CONNECTION / 2));
    this.#ceiling = descriptors + room / 2;
    return room >= PER_CONNECTION;
  }

  report(): DescriptorReport {
    const { used, limit } = this.#engine.descriptorUsage();
    return { descriptors: used, limit, reserve: reserveOf(limit) };
  }
}

/** A sixteenth of the limit, at least 16 and at most 256. */
function reserveOf(limit: number): number {
  return Math.min(256, Math.max(16, Math.floor(limit / 16)));
}

let budget: DescriptorBudget | undefined;

/** This environment's budget. The first server creates it and warns once if the limit is too low. */
export function descriptorBudget(engine: Engine): DescriptorBudget {
  if (budget) return budget;
  budget = new DescriptorBudget(engine);
  const { descriptors, limit, reserve } = budget.report();
  if (limit < SMALL_LIMIT) {
    const room = Math.max(0, Math.floor((limit - reserve - descriptors) / PER_CONNECTION));
    process.emitWarning(
      `the limit of open files is ${limit}, which is enough for about ${room} TLS connections at once (each takes ${PER_CONNECTION}); ` +
        'raise the hard limit (`ulimit -Hn`, LimitNOFILE= of systemd, --ulimit nofile= of docker)',
      { code: 'S2N_PKEY_DESCRIPTOR_LIMIT' },
    );
  }
  return budget;
}
