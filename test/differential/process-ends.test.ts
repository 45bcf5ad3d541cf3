/** What a peer sees when the server's process or worker thread ends: whether it can take what came for everything. */
import { needs } from '../fixtures/needs.ts';
import { runProgram } from '../fixtures/program.ts';
import { PythonClient } from './clients.ts';
import { scenario } from './scenario.ts';

const program = new URL('../fixtures/ending-server.ts', import.meta.url);

describe('The end of a process or a worker, the same as with node:tls to a peer', () => {
  needs('python3');
  const client = new PythonClient();
  before(() => {
    client.prepare();
  });
  after(() => {
    client.dispose();
  });

  for (const end of ['process.exit()', 'an uncaught exception', 'SIGKILL', 'worker.terminate()']) {
    for (const state of ['nothing written', 'a part written', 'all written and ended']) {
      // What the engine has not taken yet ends with a killed process (docs/closing.md).
      if (end === 'SIGKILL' && state !== 'nothing written') continue;
      scenario(`${end}, ${state}`, async (implementation) => {
        const server = runProgram(program, [implementation.name, state, end]);
        try {
          const { port, cert } = (await server.nextLine()) as { port: number; cert: string };
          const asked = {
            port,
            cert,
            name: 'localhost',
            protocol: 'TLSv1.3',
            alpn: [],
            send: 'a question',
          } as const;
          const { received, ending, failure } = await client.exchange(asked);
          return { received, ending, failure };
        } finally {
          await server.stop();
        }
      });
    }
  }
});
