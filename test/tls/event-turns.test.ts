import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { createServer, diagnostics, LocalKeySigner } from '../../lib/index.ts';
import { identity } from '../fixtures/identity.ts';
import { close, listen } from '../fixtures/peers.ts';

const { key, cert } = identity('P-256');

describe('events of the engine', () => {
  it('take 64 to a turn of the event loop, however many are there, and all of them arrive', async () => {
    const server = createServer({ cert, signer: new LocalKeySigner({ key }) });
    const port = await listen(server);
    const clients: Socket[] = [];
    for (let i = 0; i < 200; i++) {
      const client = connect(port, '127.0.0.1').on('error', () => undefined);
      clients.push(client);
      await once(client, 'connect');
    }
    for (let looks = 0; diagnostics().handshaking < 200; looks++) {
      expect(looks, JSON.stringify(diagnostics())).to.be.lessThan(100_000);
      await new Promise((resolve) => setImmediate(resolve));
    }

    let told = 0;
    server.on('tlsClientError', () => told++);
    const turns: number[] = [];
    const over = new Promise<void>((resolve) => {
      const count = (): void => {
        turns.push(told - turns.reduce((sum, turn) => sum + turn, 0));
        if (told === 200) resolve();
        else setImmediate(count);
      };
      setImmediate(count);
    });
    // No record of TLS, nor a request of HTTP.
    for (const client of clients) client.write('\u0001');
    // JavaScript is busy until the engine has refused them all.
    for (let looks = 0; diagnostics().handshaking > 0; looks++) {
      expect(looks, JSON.stringify(diagnostics())).to.be.lessThan(1_000_000);
    }
    await over;
    expect(Math.max(...turns)).to.be.within(40, 64);
    for (const client of clients) client.destroy();
    await close(server);
  });
});
