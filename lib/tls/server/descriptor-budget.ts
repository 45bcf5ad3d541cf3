import type { Engine } from '../../native/engine.ts';

/** What a connection takes at most: TCP, and both ends of its plaintext. */
const PER_CONNECTION = 3;
/** Below this many descriptors a process that serves TLS is warned. */
const SMALL_LIMIT = 1024;

/** How the process stands: what `'acceptPaused'` and `'acceptResumed'` tell. */
export interface DescriptorReport {
  /** In use by the whole process. */
  readonly descriptors: number;
  /** The soft limit of open files. */
  readonly limit: number;
  /** Kept free for what is open already: the application's files, requests to KMS, logs. */
  readonly reserve: number;
}

/**
 * Whether there are descriptors for one more connection. Each takes three, two of them when its handshake is done, so
 * those that handshakes under way will take count as taken; and a reserve is left to the application, so that what is open
 * goes on. The kernel is asked only now and then: after a look, half of what was free may be given away without another.
 */
export class DescriptorBudget {
  readonly #engine: Engine;
  /** Connections that may be admitted without a look. */
  #credit = 0;
  /** An accepted descriptor of this number or above asks for a look: all below it are in use. */
  #ceiling = 0;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** Asked once a connection, whose descriptor `fd` is among those in use; undefined where it has none of its own yet. */
  admits(fd: number | undefined): boolean {
    if (this.#credit > 0 && (fd ?? 0) < this.#ceiling) {
      this.#credit--;
      return true;
    }
    return this.hasRoom();
  }

  /** Looks. */
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

/** A sixteenth of the limit, but 16 at least and 256 at most. */
function reserveOf(limit: number): number {
  return Math.min(256, Math.max(16, Math.floor(limit / 16)));
}

let budget: DescriptorBudget | undefined;

/** This environment's. Made with its first server, when a limit that is too low is told of once. */
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
