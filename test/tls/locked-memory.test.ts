import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { TLSSocket } from 'node:tls';
import { expect } from 'chai';
import type { EngineDiagnostics } from '../../lib/index.ts';
import { identity } from '../fixtures/identity.ts';
import { connectTls } from '../fixtures/peers.ts';

const { key, cert } = identity('P-256');
const program = fileURLToPath(new URL('../fixtures/counting-server.ts', import.meta.url));
const tsx = pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href;

/** Under a real limit: root has CAP_IPC_LOCK, which ignores it, so the capability is given up first. */
class LimitedServer {
  readonly #child: ChildProcess;
  readonly #lines: AsyncIterator<string>;
  port = 0;

  constructor(limit: number) {
    const command = [
      'prlimit',
      `--memlock=${limit}`,
      process.execPath,
      '--no-warnings',
      '--import',
      tsx,
      program,
    ];
    const args = process.getuid?.() === 0 ? ['setpriv', '--bounding-set=-ipc_lock', ...command] : command;
    this.#child = spawn(args[0] ?? '', args.slice(1), {
      env: { ...process.env, KEY: key, CERT: cert },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    if (!this.#child.stdout) throw new Error('no output to read');
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  async start(): Promise<void> {
    this.port = ((await this.#next()) as { port: number }).port;
  }

  /** What the engine holds now. */
  async diagnostics(): Promise<EngineDiagnostics> {
    this.#child.stdin?.write('?\n');
    return (await this.#next()) as EngineDiagnostics;
  }

  /** The same, once it is so. A client's handshake is done a little before its server's. */
  async when(so: (now: EngineDiagnostics) => boolean): Promise<EngineDiagnostics> {
    let now = await this.diagnostics();
    while (!so(now)) now = await this.diagnostics();
    return now;
  }

  async stop(): Promise<void> {
    this.#child.stdin?.end();
    await once(this.#child, 'exit');
  }

  async #next(): Promise<unknown> {
    const line: IteratorResult<string, unknown> = await this.#lines.next();
    if (line.done === true) throw new Error('the server ended');
    return JSON.parse(line.value) as unknown;
  }
}

async function connectMany(port: number, count: number): Promise<TLSSocket[]> {
  const sockets: TLSSocket[] = [];
  while (sockets.length < count) {
    sockets.push(...(await Promise.all(Array.from({ length: 50 }, () => connectTls(port)))));
  }
  return sockets;
}

describe('the memory of s2n-tls is locked, as far as the limit goes', () => {
  before(function () {
    try {
      execFileSync('prlimit', ['--version']);
      execFileSync('setpriv', ['--version']);
    } catch {
      this.skip(); // util-linux is not there
    }
  });

  for (const limit of [65_536, 8 * 1024 * 1024]) {
    it(`serves 1,000 open connections under a limit of ${limit / 1024} KiB`, async function () {
      this.timeout(60_000);
      const server = new LimitedServer(limit);
      await server.start();
      try {
        const sockets = await connectMany(server.port, 1000);
        const full = await server.when((now) => now.open === 1000);
        expect(full.arenaBytesLocked).to.be.at.most(limit);
        expect(full.arenaBytesLocked + full.arenaBytesUnlocked).to.be.at.least(full.arenaBytesInUse);
        if (limit === 65_536) expect(full.arenaBytesUnlocked).to.be.above(0);
        const echoes = sockets.slice(0, 20).map(async (socket) => {
          socket.write('still served');
          return ((await once(socket, 'data')) as [Buffer])[0].toString();
        });
        expect(new Set(await Promise.all(echoes))).to.deep.equal(new Set(['still served']));
        for (const socket of sockets) socket.destroy();
      } finally {
        await server.stop();
      }
    });
  }

  it('does not grow when thousands of connections come and go', async function () {
    this.timeout(60_000);
    const server = new LimitedServer(8 * 1024 * 1024);
    await server.start();
    try {
      const inUse: number[] = [];
      for (let round = 0; round < 4; round++) {
        for (const socket of await connectMany(server.port, 500)) socket.destroy();
        inUse.push((await server.when((now) => now.descriptors === 0)).arenaBytesInUse);
      }
      expect(new Set(inUse.slice(1)), inUse.join(', ')).to.have.lengthOf(1);
    } finally {
      await server.stop();
    }
  });
});
