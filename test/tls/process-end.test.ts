import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { connect, type TLSSocket } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { identity } from '../fixtures/identity.ts';
import { connectTls, readAll } from '../fixtures/peers.ts';

const { key, cert } = identity('P-256');
const program = fileURLToPath(new URL('../fixtures/server-process.ts', import.meta.url));
const bodySize = 100_000;

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

interface Started {
  readonly child: Child;
  readonly port: number;
  /** The next line that it prints. */
  readonly nextLine: () => Promise<unknown>;
  readonly errors: () => string;
}

async function start(...args: string[]): Promise<Started> {
  const child = spawn(process.execPath, ['--no-warnings', '--import', 'tsx', program, ...args], {
    env: { ...process.env, KEY: key, CERT: cert },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (part: Buffer) => (errors += part.toString()));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const nextLine = async (): Promise<unknown> => (await lines.next()).value;
  return { child, port: Number(await nextLine()), nextLine, errors: () => errors };
}

/** A client whose connection is in the state that the scenario is named after. */
async function enter(scenario: string, { port, nextLine }: Started): Promise<TLSSocket> {
  const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
  client.on('error', () => undefined);
  if (scenario === 'never signs') expect(await nextLine()).to.equal('asked');
  else await once(client, 'secureConnect');
  return client;
}

describe('when the process ends', () => {
  for (const [scenario, code] of [
    ['natural end', 0],
    ['natural end after destroy', 0],
    ['process.exit', 0],
    ['uncaught exception', 1],
  ] as const) {
    it(`what was written before arrives whole: ${scenario}`, async () => {
      const { child, port } = await start(scenario);
      const exited = once(child, 'exit');
      const client = await connectTls(port);
      client.on('error', () => undefined);
      expect(await readAll(client)).to.have.lengthOf(bodySize);
      client.destroy();
      expect((await exited)[0]).to.equal(code);
    });
  }

  it('nothing keeps it when the signer failed and the server is closed', async () => {
    const { child, port } = await start('the signer fails');
    const exited = once(child, 'exit');
    const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
    client.on('error', () => undefined);
    expect((await exited)[0]).to.equal(0);
  });

  for (const scenario of ['never answers', 'never signs']) {
    it(`SIGTERM ends it while a connection ${scenario}`, async () => {
      const started = await start(scenario);
      const client = await enter(scenario, started);
      const exited = once(started.child, 'exit');
      const gone = new Promise((resolve) => client.on('close', resolve));
      started.child.kill('SIGTERM');
      expect((await exited)[1]).to.equal('SIGTERM');
      await gone;
    });

    it(`a worker thread can be terminated while a connection ${scenario}, and the process ends cleanly`, async () => {
      const started = await start('worker', scenario);
      const { child, nextLine, errors } = started;
      const client = await enter(scenario, started);
      const exited = once(child, 'exit');
      const gone = new Promise((resolve) => client.on('close', resolve));
      child.stdin.write('terminate\n');
      expect(await nextLine()).to.equal('terminated 1');
      expect((await exited).slice(0, 2), errors()).to.deep.equal([0, null]);
      await gone;
    });
  }
});
