// Who is measured. The first is what the others are compared with.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LineProcess } from '../harness/line-process.mjs';
import { pinned } from './pinning.mjs';

export const contenders = [
  { name: 'node-tls', title: 'node:tls, key on disk', program: 'server-node-tls.mjs', key: 'disk' },
  { name: 'local-key', title: 's2n-pkey, LocalKeySigner', program: 'server-local-key.mjs', key: 'disk' },
  { name: 'kms', title: 's2n-pkey, local KMS', program: 'server-kms.mjs', key: 'kms' },
  { name: 'http', title: 'http, no TLS (the floor)', program: 'server-http.mjs', key: 'none' },
  { name: 'limit', title: 'C++ on the same s2n-tls (the limit)', native: 'bench_limit', key: 'disk' },
  { name: 'rust', title: 'Rust: s2n-tls, tokio, aws-sdk-kms', native: 'bench_rust', key: 'kms' },
];

/**
 * How a contender is run for a scenario. `key`: of identity.mjs. `threads`: of the engine, where there is one. `workers`: processes of
 * node:cluster, 0 for one process without it. `twoCores`: it may use a second one.
 */
export const usual = { key: 'p256', threads: 1, workers: 0, twoCores: false };

/** A contender's server, running in a process of its own (or in several). */
export class Contender {
  #process;

  constructor(description, server, listening, env) {
    this.name = description.name;
    this.title = description.title;
    this.plain = description.key === 'none';
    this.env = env;
    this.ports = listening[0].ports;
    this.pids = [...new Set([server.pid, ...listening.map(({ pid }) => pid ?? server.pid)])];
    this.#process = server;
  }

  /**
   * @param {object} description one of `contenders`
   * @param {typeof usual} variant
   * @param {{ folder: string, out: string, cores: object, flags: string[], kms: () => Promise<object> }} place `folder`: for its key
   *   and certificate. `out`: where native programs are. `cores`: from chooseCores. `flags`: of node. `kms`: starts the local KMS, once.
   */
  static async start(description, variant, { folder, out, cores, flags, kms }) {
    // Not before now: it imports npm packages, which the build may just have installed.
    const { identities } = await import('./identity.mjs');
    const { key, threads, workers, twoCores } = variant;
    const name = `${description.name}-${key}-${process.hrtime.bigint()}`;
    const identity = await identities[description.key]({ folder, name, key, kms });
    const core = twoCores ? cores.both : cores.server;
    const [command, ...args] = pinned(core, commandOf(description, workers, { out, flags }));
    const env = { ...process.env, ...identity, BENCH_THREADS: String(threads) };
    const server = new LineProcess(description.title, command, args, env);
    const listening = [];
    while (listening.length < Math.max(1, workers)) listening.push(await server.next('listening'));
    return new Contender(description, server, listening, env);
  }

  /** Sends a command of services.mjs and resolves to its answer. */
  async ask(command, event) {
    this.#process.cue(command);
    return this.#process.next(event);
  }

  /** @throws Error when a connection failed on the server's side, or the server ended. */
  checkHealth() {
    this.#process.checkHealth();
  }

  async close() {
    await this.#process.end();
  }
}

function commandOf({ program, native }, workers, { out, flags }) {
  if (native) return [join(out, native)];
  const node = [process.execPath, '--expose-gc', ...flags];
  const file = fileURLToPath(new URL(program, import.meta.url));
  if (workers === 0) return [...node, file];
  return [...node, fileURLToPath(new URL('workers.mjs', import.meta.url)), file, String(workers)];
}
