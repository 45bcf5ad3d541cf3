import { connect, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { identity } from '../../fixtures/identity.ts';
import { runProgram, type Program } from '../../fixtures/program.ts';
import { when } from '../../fixtures/when.ts';

const { key, cert } = identity('P-256');
const file = new URL('../../fixtures/cluster-limits.ts', import.meta.url);

/** What a worker has seen. */
interface Seen {
  readonly pid: number;
  readonly workers: number;
  readonly asked: number;
  readonly refused: number;
}

const alone = { queue: 0, perAddress: false };

function sum(seen: readonly Seen[], ...of: ('asked' | 'refused')[]): number {
  return seen.flatMap((each) => of.map((name) => each[name])).reduce((all, one) => all + one, 0);
}

describe('signatureLimits of the workers of a cluster', function () {
  this.timeout(60_000);
  let program: Program | undefined;
  const clients: TLSSocket[] = [];

  afterEach(async () => {
    for (const client of clients.splice(0)) client.destroy();
    await program?.stop();
  });

  async function start(kind: 'shared' | 'unaware', environment: NodeJS.ProcessEnv): Promise<number> {
    program = runProgram(file, [kind], { KEY: key, CERT: cert, ...environment });
    const { port, messages } = (await program.nextLine()) as { port: number; messages: number };
    expect(messages, 'messages to the application').to.equal(0);
    return port;
  }

  /** What each worker has seen; nothing else was printed. */
  async function look(workers = 2, command = 'look'): Promise<Seen[]> {
    program?.sendLine(command);
    const seen: Seen[] = [];
    while (seen.length < workers) seen.push((await program?.nextLine()) as Seen);
    for (const each of seen) expect(each).to.have.all.keys('pid', 'workers', 'asked', 'refused');
    return seen;
  }

  async function kill(worker: Seen | undefined): Promise<void> {
    program?.sendLine(String(worker?.pid));
    expect(await program?.nextLine()).to.equal('gone');
  }

  /** Handshakes begin, each of which asks for a signature or is refused, until each worker has refused some. */
  async function flood(port: number, workers = 2): Promise<Seen[]> {
    const before = await look(workers);
    const refusedBefore = new Map(before.map(({ pid, refused }) => [pid, refused]));
    let settled = sum(before, 'asked', 'refused');
    const wave = async (): Promise<Seen[]> => {
      for (let at = 0; at < 20; at++) {
        const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
        clients.push(client.on('error', () => undefined));
      }
      settled += 20;
      const isOver = (seen: readonly Seen[]): boolean => sum(seen, 'asked', 'refused') === settled;
      return await when('20 handshakes', () => look(workers), isOver);
    };
    const refuses = ({ pid, refused }: Seen): boolean => refused > (refusedBefore.get(pid) ?? 0);
    return await when('each worker to refuse', wave, (seen) => seen.every(refuses));
  }

  it('are those of one server, and what a dead worker had is the other one’s: perSecond', async () => {
    // 10 at once after a pause, and 8 in the 200 ms of a tick.
    const port = await start('shared', {
      LIMITS: JSON.stringify({ ...alone, perSecond: 40, inFlight: 1000 }),
    });
    const seen = await flood(port);
    expect(seen.map(({ workers, asked }) => [workers, asked])).to.deep.equal([
      [2, 5],
      [2, 5],
    ]);
    await look(2, 'tick');
    expect(sum(await flood(port), 'asked')).to.equal(18);

    await kill(seen[0]);
    expect((await look(1))[0]).to.include({ workers: 1, asked: 9 });
    expect(sum(await flood(port, 1), 'asked')).to.equal(9);
    await look(1, 'tick');
    expect(sum(await flood(port, 1), 'asked')).to.equal(17);
  });

  it('are those of one server, and what a dead worker had is the other one’s: inFlight', async () => {
    const port = await start('shared', { LIMITS: JSON.stringify({ ...alone, perSecond: 1e6, inFlight: 6 }) });
    const seen = await flood(port);
    expect(seen.map(({ asked }) => asked)).to.deep.equal([3, 3]);
    await kill(seen[0]);
    expect(sum(await flood(port, 1), 'asked')).to.equal(6);
  });

  it('are those of one server: perAddress', async () => {
    const perAddress = { perSecond: 1e6, inFlight: 4 };
    const limits = { queue: 0, perSecond: 1e6, inFlight: 1000, perAddress };
    const port = await start('shared', { LIMITS: JSON.stringify(limits) });
    expect((await flood(port)).map(({ asked }) => asked)).to.deep.equal([2, 2]);
  });

  it('by default come from the quota of the signer, and are not divided if it has perProcess', async () => {
    const quota = { perSecond: 1e6, inFlight: 8 };
    await start('shared', { QUOTA: JSON.stringify(quota) });
    expect((await look()).map(({ workers }) => workers)).to.deep.equal([2, 2]);
    await program?.stop();
    await start('shared', { QUOTA: JSON.stringify({ ...quota, perProcess: true }) });
    expect((await look()).map(({ workers }) => workers)).to.deep.equal([1, 1]);
  });

  it('are divided among those alone that use the same key', async () => {
    const other = identity('P-384');
    await start('shared', { LIMITS: '{}', OTHER_KEY: other.key, OTHER_CERT: other.cert });
    expect((await look()).map(({ workers }) => workers)).to.deep.equal([1, 1]);
  });

  it('apply to each worker alone until the primary loads the package, and are divided then', async () => {
    const port = await start('unaware', {
      LIMITS: JSON.stringify({ ...alone, perSecond: 1e6, inFlight: 6 }),
    });
    const seen = await flood(port);
    expect(seen.map(({ workers, asked }) => [workers, asked])).to.deep.equal([
      [1, 6],
      [1, 6],
    ]);
    program?.sendLine('load');
    expect(await program?.nextLine()).to.equal('loaded');
    const areDivided = (now: readonly Seen[]): boolean => now.every(({ workers }) => workers === 2);
    await when('the limits to be divided', () => look(), areDivided);
  });
});
