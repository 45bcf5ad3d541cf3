import { execFileSync } from 'node:child_process';
import { connect } from 'node:tls';
import { expect } from 'chai';
import { identity } from '../fixtures/identity.ts';
import { runProgram } from '../fixtures/program.ts';

const { key, cert } = identity('P-256');

describe('when no thread can be started', () => {
  it('each connection fails with an error that names threads, and the process continues', async () => {
    const file = new URL('../fixtures/limited-server.ts', import.meta.url);
    const program = runProgram(file, ['tcp'], { KEY: key, CERT: cert });
    try {
      const { port } = (await program.nextLine()) as { port: number };
      execFileSync('prlimit', ['--pid', String(program.pid), '--nproc=1']);
      program.sendLine('become nobody');
      await program.nextLine();
      for (let attempt = 0; attempt < 3; attempt++) {
        const refused = connect({ port, host: '127.0.0.1', rejectUnauthorized: false });
        refused.on('error', () => undefined);
        const told = await program.nextLine();
        expect(told).to.include({ event: 'tlsClientError', code: 'ERR_S2N_PKEY_RESOURCES' });
        expect((told as { message: string }).message).to.match(/no thread could be started/);
        refused.destroy();
      }
      program.sendLine('diagnostics');
      const { answer } = (await program.nextLine()) as { answer: Record<string, number> };
      expect(answer).to.include({ threads: 0, handshaking: 0, descriptors: 0 });
    } finally {
      await program.stop();
    }
  });
});
