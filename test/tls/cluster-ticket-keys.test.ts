import { connect } from 'node:tls';
import { expect } from 'chai';
import { identity } from '../fixtures/identity.ts';
import { readAll } from '../fixtures/peers.ts';
import { runProgram, type Program } from '../fixtures/program.ts';
import { when } from '../fixtures/when.ts';

const { key, cert } = identity('P-256');

interface Visit {
  readonly worker: number;
  readonly reused: boolean;
  readonly session: Buffer | undefined;
}

async function visit(port: number, maxVersion: 'TLSv1.2' | 'TLSv1.3', session?: Buffer): Promise<Visit> {
  const client = connect({
    port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    maxVersion,
    ...(session ? { session } : {}),
  });
  let given: Buffer | undefined;
  client.on('session', (data: Buffer) => (given = data));
  client.write('GET / HTTP/1.1\r\nhost: localhost\r\n\r\n');
  const answer = (await readAll(client)).toString();
  return { worker: Number(/\d+$/.exec(answer)?.[0]), reused: client.isSessionReused(), session: given };
}

describe('The workers of a cluster', () => {
  let program: Program | undefined;
  afterEach(() => program?.stop());

  async function start(kind: string): Promise<number> {
    const file = new URL('../fixtures/cluster-server.ts', import.meta.url);
    program = runProgram(file, [kind], { KEY: key, CERT: cert });
    return (await program.nextLine()) as number;
  }

  for (const [kind, version] of [
    ['create', 'TLSv1.3'],
    ['attach', 'TLSv1.2'],
  ] as const) {
    it(`resume each other's sessions over ${version} (${kind}), also one that took a dead worker's place`, async () => {
      const port = await start(kind);
      const first = await visit(port, version);
      expect(first.reused).to.equal(false);
      const resume = async (): Promise<Visit> => {
        const visited = await visit(port, version, first.session);
        expect(visited.reused).to.equal(true);
        return visited;
      };
      const visitOther = (than: readonly number[]): Promise<Visit> =>
        when(`a worker other than ${than.join()}`, resume, ({ worker }) => !than.includes(worker));
      const second = await visitOther([first.worker]);
      program?.sendLine(String(first.worker));
      expect(await program?.nextLine()).to.equal('again');
      await visitOther([first.worker, second.worker]);
    }).timeout(60_000);
  }

  it('listen without tickets, too', async () => {
    const port = await start('mutual');
    expect((await visit(port, 'TLSv1.3')).worker).to.be.above(0);
  }).timeout(60_000);
});
