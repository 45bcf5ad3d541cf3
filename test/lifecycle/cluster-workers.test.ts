import { once } from 'node:events';
import { readFileSync, readdirSync, readlinkSync } from 'node:fs';
import { connect, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { identity } from '../fixtures/identity.ts';
import { next } from '../fixtures/peers.ts';
import { runProgram, type Program } from '../fixtures/program.ts';
import { when } from '../fixtures/when.ts';

const { key, cert } = identity('P-256');
const file = new URL('../fixtures/cluster-server.ts', import.meta.url);

/** One connection to a worker, which said who it is. */
interface Connection {
  readonly socket: TLSSocket;
  readonly worker: number;
  readonly closed: Promise<unknown>;
}

async function take(socket: TLSSocket, length: number): Promise<string> {
  for (;;) {
    const bytes = socket.read(length) as Buffer | null;
    if (bytes !== null) return bytes.toString();
    if (socket.readableEnded || socket.destroyed) throw new Error('the connection ended');
    await Promise.race([once(socket, 'readable'), once(socket, 'end'), once(socket, 'close')]);
  }
}

async function open(port: number, session?: Buffer): Promise<Connection> {
  const socket = connect({
    port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    ...(session ? { session } : {}),
  });
  const closed = new Promise((resolve) => socket.once('close', resolve));
  socket.on('error', () => undefined);
  socket.setTimeout(20_000, () => socket.destroy()); // one that was on its way to a worker that was killed
  try {
    return { socket, worker: Number(await take(socket, 10)), closed };
  } catch (error) {
    socket.destroy();
    throw error;
  }
}

async function echoes({ socket }: Connection): Promise<boolean> {
  socket.write('ping');
  return (await take(socket, 4)) === 'ping';
}

/** The peers' ports of the TCP connections of this port that a process has a descriptor of. */
function heldPeers(pid: number, port: number): Set<number> {
  const inodes = new Set<string>();
  for (const fd of readdirSync(`/proc/${pid}/fd`)) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/${pid}/fd/${fd}`))?.[1];
      if (inode !== undefined) inodes.add(inode);
    } catch {
      // Closed meanwhile.
    }
  }
  const portOf = (address = ''): number => Number.parseInt(address.split(':')[1] ?? '', 16);
  const rows = readFileSync('/proc/net/tcp', 'utf8')
    .split('\n')
    .map((line) => line.trim().split(/\s+/));
  return new Set(
    rows
      .filter(([, local, , , , , , , , inode = '']) => portOf(local) === port && inodes.has(inode))
      .map(([, , peer]) => portOf(peer)),
  );
}

function engineThreads(pid: number): number {
  return readdirSync(`/proc/${pid}/task`).filter(
    (id) => readFileSync(`/proc/${pid}/task/${id}/comm`, 'utf8').trim() === 's2n-pkey',
  ).length;
}

describe('a cluster whose workers are killed under load and replaced', function () {
  this.timeout(120_000);
  let program: Program;
  const connections: Connection[] = [];

  afterEach(async () => {
    for (const { socket } of connections.splice(0)) socket.destroy();
    await program.stop();
  });

  for (const policy of ['rr', 'none']) {
    it(`keeps the connections of the others, serves new ones and resumes sessions (scheduling policy '${policy}')`, async () => {
      program = runProgram(file, ['echo'], { KEY: key, CERT: cert, NODE_CLUSTER_SCHED_POLICY: policy });
      const port = (await program.nextLine()) as number;
      const keep = async (): Promise<Connection> => {
        const connection = await open(port);
        connections.push(connection);
        return connection;
      };

      const first = await keep();
      const ticket = first.socket.getSession() ?? (await next<Buffer>(first.socket, 'session'));
      const dead = new Set<number>();
      let kept = [first];
      /** Connections on both workers. */
      const fill = async (): Promise<void> => {
        const enough = (): boolean => kept.length >= 6 && new Set(kept.map(({ worker }) => worker)).size > 1;
        if (enough()) return;
        await when(
          'connections on both workers',
          async () => kept.push(await keep()) && kept.map(({ worker }) => worker),
          enough,
        );
      };

      // The load: new connections all the time. One may fail only if a worker was killed meanwhile.
      let kills = 0;
      let isBeingReplaced = false;
      let over = false;
      const served = { before: 0, after: 0 };
      const unexplained: unknown[] = [];
      const visitor = async (): Promise<void> => {
        while (!over) {
          const began = kills;
          const duringReplacement = isBeingReplaced;
          try {
            const visit = await open(port);
            expect(await echoes(visit)).to.equal(true);
            visit.socket.end();
            await visit.closed;
            served[dead.size === 0 ? 'before' : 'after']++;
          } catch (error) {
            if (began === kills && !duringReplacement) unexplained.push(error);
          }
        }
      };
      const load = Array.from({ length: 3 }, visitor);

      for (let round = 0; round < 4; round++) {
        await fill();
        const victim = kept[0]?.worker ?? 0;
        kills++;
        isBeingReplaced = true;
        dead.add(victim);
        program.sendLine(String(victim));
        expect(await program.nextLine()).to.equal('again');
        isBeingReplaced = false;

        await Promise.all(kept.filter(({ worker }) => worker === victim).map(({ closed }) => closed));
        kept = kept.filter(({ worker }) => worker !== victim);
        expect(kept, 'connections of the other worker').not.to.have.lengthOf(0);
        for (const connection of kept) expect(await echoes(connection)).to.equal(true);
      }
      over = true;
      await Promise.all(load);
      expect(unexplained).to.deep.equal([]);
      expect(served.before).to.be.above(0);
      expect(served.after).to.be.above(0);

      // The session was made with a worker that is long dead.
      await fill();
      const alive = new Set<number>();
      const resume = async (): Promise<Set<number>> => {
        const again = await open(port, ticket);
        expect(again.socket.isSessionReused()).to.equal(true);
        expect(dead.has(again.worker)).to.equal(false);
        again.socket.destroy();
        return alive.add(again.worker);
      };
      await when('both workers to resume it', resume, ({ size }) => size === 2);

      const inPrimary = heldPeers(program.pid, port);
      const mine = kept.map(({ socket }) => socket.localPort ?? 0);
      expect(mine.filter((peer) => inPrimary.has(peer))).to.deep.equal([]);
      const inWorkers = [...alive].flatMap((worker) => [...heldPeers(worker, port)]);
      expect(inWorkers).to.include.members(mine);
      expect(engineThreads(program.pid)).to.equal(0);
    });
  }
});
