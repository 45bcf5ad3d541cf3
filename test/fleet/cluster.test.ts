import { connect } from 'node:tls';
import { expect } from 'chai';
import { identity } from '../fixtures/identity.ts';
import { readAll } from '../fixtures/peers.ts';
import { runProgram, type Program } from '../fixtures/program.ts';
import { when } from '../fixtures/when.ts';

const { key, cert } = identity('P-256');
/** Two before, the present one, 25 ahead of a day. */
const epochs = 28;

describe("A fleet's ticket keys in a cluster", () => {
  let program: Program | undefined;
  afterEach(() => program?.stop());

  async function start(kind: string): Promise<number> {
    program = runProgram(new URL('../fixtures/cluster-fleet.ts', import.meta.url), [kind], {
      ...{ KEY: key, CERT: cert, NODE_NO_WARNINGS: '1' },
    });
    return (await program.nextLine()) as number;
  }

  interface Visit {
    readonly worker: number;
    readonly reused: boolean;
    readonly session: Buffer | undefined;
  }

  async function visit(port: number, session?: Buffer): Promise<Visit> {
    const client = connect({
      ...{ port, host: '127.0.0.1', rejectUnauthorized: false },
      ...(session ? { session } : {}),
    });
    let given: Buffer | undefined;
    client.on('session', (data: Buffer) => (given = data));
    const worker = Number((await readAll(client)).toString());
    return { worker, reused: client.isSessionReused(), session: given };
  }

  async function resumesOnAllWorkers(port: number, workers: number): Promise<void> {
    const first = await visit(port);
    const seen = new Set([first.worker]);
    await when(
      `a session resumed by ${workers} workers`,
      async () => {
        const { worker, reused } = await visit(port, first.session);
        expect(reused).to.equal(true);
        return seen.add(worker).size;
      },
      (count) => count === workers,
    );
  }

  it('are asked for by the primary alone, and once, for workers that start late, too', async () => {
    const port = await start('shared');
    await resumesOnAllWorkers(port, 2);
    program?.sendLine('another');
    const asked = (await program?.nextLine()) as string[];
    expect(new Set(asked).size).to.equal(asked.length);
    expect(asked).to.have.length.within(epochs, epochs + 1);
    await resumesOnAllWorkers(port, 3);
  }).timeout(60_000);

  it('are asked for by each worker where the primary has no such source', async () => {
    const port = await start('apart');
    await resumesOnAllWorkers(port, 2);
    program?.sendLine('another');
    expect(await program?.nextLine()).to.deep.equal([]);
  }).timeout(60_000);
});
