/** What clients are given when they come back with a session, and what they find agreed. */
import { once } from 'node:events';
import type { Server } from 'node:net';
import { connect, createServer as createNodeServer, type SecureVersion, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { connect as connectOurs, createServer, LocalKeySigner } from '../../lib/index.ts';
import { identity } from '../fixtures/identity.ts';
import { close, listen, readAll } from '../fixtures/peers.ts';
import { scenario } from './scenario.ts';

const versions = ['TLSv1.2', 'TLSv1.3'] as const;

describe('The same as node:tls, when a client comes back', () => {
  scenario('it gets no ticket with TLSv1.2 beside those of the full handshake', async (implementation) => ({
    visits: await threeVisits(implementation.createServer({}, hello), 'TLSv1.2'),
  }));
});

describe('Other than node:tls, when a client comes back', () => {
  it('it gets new tickets with TLSv1.3, since most clients use each once', async () => {
    const { key, cert } = identity('P-256');
    const signer = new LocalKeySigner({ key });
    expect(await threeVisits(createServer({ cert, signer }, hello), 'TLSv1.3')).to.deep.equal([
      { given: 2, reused: false },
      { given: 2, reused: true },
      { given: 2, reused: true },
    ]);
  });
});

const hello = (socket: { end(text: string): unknown }): unknown => socket.end('hello');

/** What a client that shows its first session again is given. */
async function threeVisits(server: Server, version: SecureVersion): Promise<object[]> {
  const port = await listen(server);
  let session: Buffer | undefined;
  const visits: object[] = [];
  for (let i = 0; i < 3; i++) {
    let given = 0;
    const client = connect({
      port,
      host: '127.0.0.1',
      rejectUnauthorized: false,
      minVersion: version,
      maxVersion: version,
      session,
    });
    client.on('session', (each: Buffer) => {
      given++;
      session ??= each;
    });
    await readAll(client);
    visits.push({ given, reused: client.isSessionReused() });
  }
  await close(server);
  return visits;
}

describe('The same as node:tls, when a protocol has one letter', () => {
  const offers = [['a'], ['b'], ['a', 'b'], ['b', 'cd'], ['x']];
  for (const version of versions) {
    scenario(`it is agreed on with ${version}, or the client is refused`, async (implementation) => {
      const agreed: unknown[] = [];
      const server = implementation.createServer({ ALPNProtocols: ['b', 'a', 'cd'] }, (socket) =>
        socket.end(String(socket.alpnProtocol)),
      );
      const port = await listen(server);
      for (const ALPNProtocols of offers) {
        const client = connect({
          port,
          host: '127.0.0.1',
          rejectUnauthorized: false,
          maxVersion: version,
          ALPNProtocols,
        });
        agreed.push(await outcome(client));
      }
      await close(server);
      return { agreed };
    });

    it(`a client of this package sees what node:tls chose, with ${version}`, async () => {
      const { key, cert } = identity('P-256');
      const options = { key, cert, maxVersion: version, ALPNProtocols: ['b', 'a', 'cd'] };
      const server = createNodeServer(options, (socket) => socket.end(String(socket.alpnProtocol)));
      const port = await listen(server);
      const agreed: unknown[] = [];
      for (const ALPNProtocols of offers.slice(0, -1)) {
        const to = { port, host: '127.0.0.1', ca: cert, servername: 'localhost', ALPNProtocols };
        agreed.push(await outcome(connectOurs(to)));
      }
      await close(server);
      expect(agreed).to.deep.equal([
        ['a', 'a'],
        ['b', 'b'],
        ['b', 'b'],
        ['b', 'b'],
      ]);
    });
  }

  /** The protocol, as the client and the server say; or the error of a client that is refused. */
  async function outcome(client: Pick<TLSSocket, 'alpnProtocol'> & NodeJS.ReadableStream): Promise<unknown> {
    const failed = once(client, 'error').then(([error]) => (error as NodeJS.ErrnoException).code);
    const read = readAll(client as TLSSocket).then((text) => [client.alpnProtocol, text.toString()]);
    return await Promise.race([failed, read]);
  }
});

describe('The same as node:tls, when a client is in the same process', () => {
  for (const version of versions) {
    scenario(`both sides hear of a handshake in the same order, with ${version}`, async (implementation) => {
      let log: string[] = [];
      const server = implementation.createServer({}, (socket) => {
        log.push('secureConnection');
        socket.end('hello');
      });
      const port = await listen(server);
      const orders = new Set<string>();
      // The order is left to luck where it is not kept: of 40, some are otherwise.
      for (let i = 0; i < 40; i++) {
        log = [];
        const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, maxVersion: version });
        client.once('secureConnect', () => log.push('secureConnect'));
        client.once('session', () => log.push('session'));
        await readAll(client);
        orders.add(log.join());
      }
      await close(server);
      return { orders: [...orders] };
    });
  }
});
