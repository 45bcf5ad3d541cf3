import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect as connectNode, createServer as createNodeServer, type TlsOptions } from 'node:tls';
import { expect } from 'chai';
import { connect } from '../../lib/index.ts';
import { Authority } from '../fixtures/authority.ts';
import { keptServers } from '../fixtures/kept-servers.ts';
import { listen } from '../fixtures/peers.ts';
import { runProgram } from '../fixtures/program.ts';

describe('a client of a node:tls server', () => {
  const kept = keptServers();
  let root: Authority;

  before(async () => {
    root = await Authority.create('Test root');
  });

  async function serve(options: TlsOptions = {}): Promise<number> {
    const site = await root.issue({ name: 'localhost', dns: ['localhost'], usage: 'server' });
    const server: Server = createNodeServer({ key: site.key, cert: site.cert, ...options }, (socket) =>
      socket.on('error', () => undefined).resume(),
    );
    return listen(kept(server));
  }

  it('trusts the authorities of NODE_EXTRA_CA_CERTS, too, where `ca` is not given', async () => {
    const port = await serve();
    const folder = await mkdtemp(join(tmpdir(), 's2n-pkey-'));
    try {
      const file = join(folder, 'ca.pem');
      await writeFile(file, root.certificate);
      for (const [extra, answer] of [
        [file, true],
        ['', 'UNABLE_TO_VERIFY_LEAF_SIGNATURE'],
      ] as const) {
        const client = new URL('../fixtures/trusting-client.ts', import.meta.url);
        const program = runProgram(client, [String(port)], { NODE_EXTRA_CA_CERTS: extra });
        expect(await program.nextLine()).to.equal(answer);
        await program.ended;
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  }).timeout(30_000);

  it('reports the key exchange as tls.connect does', async () => {
    for (const ecdhCurve of ['prime256v1', 'secp384r1', 'X25519']) {
      const site = { port: await serve({ ecdhCurve }), host: '127.0.0.1', ca: root.certificate };
      const theirs = connectNode({ ...site, servername: 'localhost' });
      const ours = connect({ ...site, servername: 'localhost' });
      await Promise.all([once(theirs, 'secureConnect'), once(ours, 'secureConnect')]);
      expect(ours.getEphemeralKeyInfo()).to.include(theirs.getEphemeralKeyInfo());
      expect(theirs.getEphemeralKeyInfo()).to.have.property('name', ecdhCurve);
      theirs.destroy();
      ours.destroy();
    }
  });
});
