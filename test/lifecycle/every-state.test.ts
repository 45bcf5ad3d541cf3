import { once } from 'node:events';
import { connect } from 'node:tls';
import { expect } from 'chai';
import { answerSize, EveryState, type StateDiagnostics, type StatePorts } from '../fixtures/every-state.ts';
import { identity } from '../fixtures/identity.ts';
import { connectTls, readAll } from '../fixtures/peers.ts';
import { runProgram, type Program } from '../fixtures/program.ts';
import { when } from '../fixtures/when.ts';

const { key, cert } = identity('P-256');
const file = new URL('../fixtures/state-server.ts', import.meta.url);

describe('with connections in every state: half-open, waiting for a signature, idle, in flight, abandoned, lingering, silent', function () {
  this.timeout(180_000);
  let program: Program;
  let peers: EveryState | undefined;

  async function start(args: string[], environment: NodeJS.ProcessEnv = {}): Promise<StatePorts[]> {
    program = runProgram(file, args, { KEY: key, CERT: cert, ...environment });
    return (await program.nextLine()) as StatePorts[];
  }

  async function ask(line: string): Promise<unknown> {
    program.sendLine(line);
    return program.nextLine();
  }

  const diagnostics = async (): Promise<StateDiagnostics> => (await ask('diagnostics')) as StateDiagnostics;

  afterEach(async () => {
    peers?.destroy();
    peers = undefined;
    await program.stop();
  });

  for (const [what, end, outcome] of [
    ['process.exit', () => program.sendLine('exit'), { code: 0, signal: null }],
    ['an uncaught exception', () => program.sendLine('throw'), { code: 1, signal: null }],
    ['SIGTERM', () => program.kill('SIGTERM'), { code: null, signal: 'SIGTERM' }],
  ] as const) {
    const whole = what === 'SIGTERM' ? '' : ', and a response written before arrives whole';
    it(`${what} ends the process, every peer sees the end${whole}`, async () => {
      const [ports] = await start(['process']);
      if (!ports) throw new Error('no ports');
      peers = await EveryState.enter([ports], diagnostics);
      const client = await connectTls(ports.signing);
      client.on('error', () => undefined);
      client.write('a');
      const answer = readAll(client);
      await once(client, 'data'); // so it has been written
      end();
      const { lastWords, ...ended } = await program.ended;
      expect(ended, lastWords).to.deep.equal(outcome);
      if (whole) expect(await answer).to.have.lengthOf(answerSize);
      client.destroy();
      await peers.allEnded();
    });
  }

  it("process.exit inside 'secureConnection' ends it, too", async () => {
    const [ports] = await start(['process']);
    if (!ports) throw new Error('no ports');
    peers = await EveryState.enter([ports], diagnostics);
    const client = connect({ port: ports.signing, host: '127.0.0.1', rejectUnauthorized: false });
    client.on('error', () => undefined);
    await once(client, 'secureConnect');
    client.write('x');
    expect((await program.ended).code).to.equal(0);
    await peers.allEnded();
  });

  it('it ends by itself when servers are closed, peers have gone and handshakes have timed out', async () => {
    const [ports] = await start(['process'], { HANDSHAKE_TIMEOUT: '5000' });
    if (!ports) throw new Error('no ports');
    peers = await EveryState.enter([ports], diagnostics);
    expect(await ask('close')).to.equal('closed');
    peers.destroySecure();
    const { code, lastWords } = await program.ended;
    expect(code, lastWords).to.equal(0);
    await peers.allEnded();
  });

  for (const engine of ['', 'engine']) {
    it(`worker threads can be terminated together${engine ? ', while the main thread keeps using the engine' : ', and the engine ends with them'}`, async () => {
      const ports = await start(['workers', '3', engine]);
      peers = await EveryState.enter(ports, diagnostics);
      expect(await ask('terminate')).to.deep.equal([1, 1, 1]);
      if (engine) {
        await peers.allEnded('all but silent');
        const now = await when(
          'the end of all but silent connections',
          diagnostics,
          ({ lingering, open }) => lingering + open === 0,
        );
        const { handshaking, awaitingSignature, open, descriptors, silent, tracked } = now;
        expect({ handshaking, awaitingSignature, open, tracked }).to.deep.equal({
          handshaking: 0,
          awaitingSignature: 0,
          open: 0,
          tracked: 0,
        });
        expect(descriptors, 'of silent connections').to.equal(silent);
      } else {
        await peers.allEnded();
      }
      program.sendLine('end');
      const { code, lastWords } = await program.ended;
      expect(code, lastWords).to.equal(0);
    });
  }
});
