import { spawn, type ChildProcessByStdio } from 'node:child_process';
import { once } from 'node:events';
import type { Readable, Writable } from 'node:stream';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { identity } from '../fixtures/identity.ts';
import { connectTls, readAll } from '../fixtures/peers.ts';

const { key, cert } = identity('P-256');
const program = fileURLToPath(new URL('../fixtures/server-process.ts', import.meta.url));
const bodySize = 100_000;

type Child = ChildProcessByStdio<Writable, Readable, Readable>;

async function start(...args: string[]): Promise<{ child: Child; port: number; errors: () => string }> {
  const child = spawn(process.execPath, ['--no-warnings', '--import', 'tsx', program, ...args], {
    env: { ...process.env, KEY: key, CERT: cert },
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (part: Buffer) => (errors += part.toString()));
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  return { child, port: Number(line.toString()), errors: () => errors };
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
      const { child, port } = await start(scenario);
      const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
      client.on('error', () => undefined);
      await once(client, scenario === 'never signs' ? 'connect' : 'secureConnect');
      const exited = once(child, 'exit');
      child.kill('SIGTERM');
      expect((await exited)[1]).to.equal('SIGTERM');
      client.destroy();
    });

    it(`a worker thread can be terminated while a connection ${scenario}, and the process ends cleanly`, async () => {
      const { child, port, errors } = await start('worker', scenario);
      const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
      client.on('error', () => undefined);
      await once(client, scenario === 'never signs' ? 'connect' : 'secureConnect');
      const exited = once(child, 'exit');
      const gone = new Promise((resolve) => client.on('close', resolve));
      child.stdin.write('terminate\n');
      expect((await exited).slice(0, 2), errors()).to.deep.equal([0, null]);
      await gone;
    });
  }
});
