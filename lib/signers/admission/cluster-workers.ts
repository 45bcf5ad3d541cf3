import cluster, { type Worker } from 'node:cluster';

/**
 * Node tells messages with `cmd: 'NODE_…'` to no `'message'` listener of the application, and ignores those it does not know, in a
 * primary that has not loaded this package, too.
 */
const command = 'NODE_S2N_PKEY_LIMITS';

/** A worker limits signatures by these keys. */
interface Announcement {
  readonly cmd: typeof command;
  readonly keys: readonly string[];
}

/** How many workers do, by the key; without any, a question: the primary was not there when the worker told. */
interface Count {
  readonly cmd: typeof command;
  readonly workers: Readonly<Record<string, number>>;
}

/** In a worker: how many workers of the cluster limit signatures by a key, as the primary has told. */
class WorkersOfKeys {
  readonly #counts = new Map<string, number>();
  #listens = false;

  /** This worker limits signatures by `key` until it ends. */
  join(key: string): void {
    if (!cluster.isWorker || this.#counts.has(key)) return;
    // Until the primary answers. It does so before it answers a `listen` that comes after this.
    this.#counts.set(key, Math.max(1, ...this.#counts.values()));
    if (!this.#listens) {
      this.#listens = true;
      const channel: NodeJS.EventEmitter = process;
      channel.on('internalMessage', (message: unknown) => {
        if (isCount(message)) this.#hear(message);
      });
    }
    this.#tell([key]);
  }

  /** 1 outside a cluster, and where the primary has not loaded this package. */
  most(keys: Iterable<string>): number {
    let most = 1;
    for (const key of keys) most = Math.max(most, this.#counts.get(key) ?? 1);
    return most;
  }

  #tell(keys: readonly string[]): void {
    const announcement: Announcement = { cmd: command, keys };
    process.send?.(announcement, undefined, undefined, ignore);
  }

  #hear({ workers }: Count): void {
    const told = Object.entries(workers);
    if (told.length === 0) this.#tell([...this.#counts.keys()]);
    for (const [key, count] of told) if (this.#counts.has(key)) this.#counts.set(key, count);
  }
}

/** In the primary: which workers limit signatures by which keys. What one had is the others' again when it has gone. */
class KeysOfWorkers {
  readonly #keys = new Map<Worker, Set<string>>();

  watch(): void {
    for (const worker of Object.values(cluster.workers ?? {})) {
      if (!worker) continue;
      this.#add(worker);
      this.#tell(worker, []);
    }
    cluster.on('fork', (worker) => this.#add(worker));
  }

  #add(worker: Worker): void {
    const keys = new Set<string>();
    this.#keys.set(worker, keys);
    const channel: NodeJS.EventEmitter = worker.process;
    channel.on('internalMessage', (message: unknown) => {
      if (!isAnnouncement(message) || !this.#keys.has(worker)) return;
      for (const key of message.keys) keys.add(key);
      this.#tellAll(message.keys);
    });
    const remove = (): void => {
      if (this.#keys.delete(worker)) this.#tellAll([...keys]);
    };
    worker.once('disconnect', remove).once('exit', remove);
  }

  #tellAll(changed: readonly string[]): void {
    for (const [worker, keys] of this.#keys) {
      const own = changed.filter((key) => keys.has(key));
      if (own.length > 0) this.#tell(worker, own);
    }
  }

  #tell(worker: Worker, keys: readonly string[]): void {
    const workers = Object.fromEntries(keys.map((key) => [key, this.#count(key)]));
    const count: Count = { cmd: command, workers };
    worker.process.send(count, ignore);
  }

  #count(key: string): number {
    let count = 0;
    for (const keys of this.#keys.values()) if (keys.has(key)) count++;
    return count;
  }
}

function isAnnouncement(message: unknown): message is Announcement {
  const { cmd, keys } = Object(message) as Partial<Record<string, unknown>>;
  return cmd === command && Array.isArray(keys) && keys.every((key) => typeof key === 'string');
}

function isCount(message: unknown): message is Count {
  const { cmd, workers } = Object(message) as Partial<Record<string, unknown>>;
  if (cmd !== command || typeof workers !== 'object' || workers === null) return false;
  return Object.values(workers).every((count) => typeof count === 'number' && count >= 1);
}

function ignore(): void {
  // The other side has gone, and its end is told.
}

/** This process's, if it is a worker of a cluster. */
export const workersOfKeys = new WorkersOfKeys();

/** Set on `node:cluster` once a copy of this package watches the workers: test runners load a copy for each file. */
const watched = Symbol.for('s2n-pkey.cluster-workers');

if (cluster.isPrimary && !(watched in cluster)) {
  Object.defineProperty(cluster, watched, { value: true });
  new KeysOfWorkers().watch();
}
