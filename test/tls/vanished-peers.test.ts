import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { identity } from '../fixtures/identity.ts';
import { needs } from '../fixtures/needs.ts';

const { key, cert } = identity('P-256');
const peers = fileURLToPath(new URL('../fixtures/vanishing-peers.py', import.meta.url));
const server = fileURLToPath(new URL('../fixtures/vanishing-peers-server.ts', import.meta.url));

/** What a server tells of its peers, once they are gone without a word. */
async function serve(implementation: 'node:tls' | 's2n-pkey'): Promise<unknown> {
  const command = [process.execPath, '--import', 'tsx', server, implementation];
  const { stdout } = await promisify(execFile)('python3', [peers, ...command], {
    env: { ...process.env, KEY: key, CERT: cert },
  });
  return JSON.parse(stdout);
}

describe('A peer that vanishes without FIN or RST', () => {
  needs('python3');

  it('ends in ETIMEDOUT as with node:tls: idle under keep-alive, written to, and in its handshake', async () => {
    const [nodeTls, s2nPkey] = await Promise.all([serve('node:tls'), serve('s2n-pkey')]);
    expect(s2nPkey).to.deep.equal(nodeTls);
    const timedOut = { code: 'ETIMEDOUT', errno: -110, syscall: 'read' };
    expect(s2nPkey).to.deep.include({ idle: timedOut, write: timedOut });
  });
});
