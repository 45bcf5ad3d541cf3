// Who is measured. The first is what the others are compared with.
import { fileURLToPath } from 'node:url';
import { LineProcess } from './line-process.mjs';
import { pinned } from './pinning.mjs';

export const contenders = [
  {
    name: 'node-tls',
    title: 'node:tls, key on disk',
    program: 'server-node-tls.mjs',
    key: 'disk',
  },
  {
    name: 'local-key',
    title: 's2n-pkey, LocalKeySigner',
    program: 'server-local-key.mjs',
    key: 'disk',
  },
  { name: 'kms', title: 's2n-pkey, local KMS', program: 'server-kms.mjs', key: 'kms' },
  { name: 'http', title: 'http, no TLS (the floor)', program: 'server-http.mjs', key: 'none' },
];

/** A contender's server, running in a process of its own. */
export class Contender {
  #process;

  constructor(description, server, port) {
    this.name = description.name;
    this.title = description.title;
    this.plain = description.key === 'none';
    this.port = port;
    this.#process = server;
  }

  /**
   * @param {object} description one of `contenders`
   * @param {{ folder: string, core: number | undefined, flags: string[], kms: () => Promise<object> }} place `folder`: for its key and
   *   certificate. `core`: where it runs, wherever it likes if undefined. `flags`: of node. `kms`: starts the local KMS, once.
   */
  static async start(description, { folder, core, flags, kms }) {
    // Not before now: it imports npm packages, which the build may just have installed.
    const { identities } = await import('./identity.mjs');
    const identity = await identities[description.key]({ folder, name: description.name, kms });
    const program = fileURLToPath(new URL(description.program, import.meta.url));
    const [command, ...args] = pinned(core, [process.execPath, ...flags, program]);
    const server = new LineProcess(description.title, command, args, { ...process.env, ...identity });
    const { port } = await server.next('listening');
    return new Contender(description, server, port);
  }

  get pid() {
    return this.#process.pid;
  }

  /** @throws Error when a connection failed on the server's side, or the server ended. */
  checkHealth() {
    this.#process.checkHealth();
  }

  async close() {
    await this.#process.end();
  }
}
