import { once } from 'node:events';
import { createServer as createHttpsServer } from 'node:https';
import { connect } from 'node:tls';
import { expect } from 'chai';
import {
  attach,
  createServer,
  type TlsServer,
  type TlsServerOptions,
  type TlsSocket,
} from '../../lib/index.ts';
import { AsynchronousSigner } from '../fixtures/asynchronous-signer.ts';
import { identity } from '../fixtures/identity.ts';
import { keptServers } from '../fixtures/kept-servers.ts';
import { listen, readAll } from '../fixtures/peers.ts';
import { lifetimeHint } from '../fixtures/session-lifetime.ts';
import { visit, type Visit } from '../fixtures/visit.ts';

const protocols = ['TLSv1.2', 'TLSv1.3'] as const;
const { key, cert } = identity('P-256');

describe('Session resumption', () => {
  const kept = keptServers();

  /** A server that answers once, and the signer that is asked at each full handshake. */
  function serving(options: Partial<TlsServerOptions> = {}): {
    server: TlsServer;
    signer: AsynchronousSigner;
  } {
    const signer = new AsynchronousSigner(key);
    const server = createServer({ cert, signer, ...options }, (socket) => socket.end('answer'));
    kept(server);
    return { server, signer };
  }

  for (const protocol of protocols) {
    const options = { minVersion: protocol, maxVersion: protocol };

    it(`needs no signature with ${protocol}, however often, and isSessionReused() is true on both sides`, async () => {
      const { server, signer } = serving();
      const port = await listen(server);
      let last = await visit(server, port, options);
      expect(last).to.include({ reused: false, serverReused: false });
      for (let i = 0; i < 3; i++) {
        const { session = last.session, ...told } = await visit(server, port, {
          ...options,
          session: last.session,
        });
        expect(told).to.deep.equal({ reused: true, serverReused: true });
        last = { ...told, session };
      }
      expect(signer.operations).to.have.lengthOf(1);
    });

    it(`is not offered with ${protocol} where sessionTickets is false`, async () => {
      const { server, signer } = serving({ sessionTickets: false });
      const port = await listen(server);
      const first = await visit(server, port, options);
      expect((await visit(server, port, { ...options, session: first.session })).reused).to.equal(false);
      expect(signer.operations).to.have.lengthOf(2);
    });

    it(`works with ${protocol} on another server that has the same ticket keys`, async () => {
      const one = serving();
      const given = await visit(one.server, await listen(one.server), options);
      const ticketKeys = one.server.getTicketKeys();
      expect(ticketKeys).to.have.lengthOf(48);
      for (const other of [serving({ ticketKeys }), serving()]) {
        other.server.setTicketKeys(ticketKeys);
        const port = await listen(other.server);
        expect((await visit(other.server, port, { ...options, session: given.session })).reused).to.equal(
          true,
        );
        expect(other.signer.operations).to.have.lengthOf(0);
        expect(other.server.getTicketKeys()).to.deep.equal(ticketKeys);
      }
    });

    it(`goes on with ${protocol} while machines change from one ticket key to the next, whoever is first`, async () => {
      const [former, next] = [Buffer.alloc(48, 1), Buffer.alloc(48, 2)];
      const [one, other] = [serving({ ticketKeys: former }), serving({ ticketKeys: [former] })];
      const [portOfOne, portOfOther] = [await listen(one.server), await listen(other.server)];
      const passes = async (): Promise<boolean[]> => {
        const given = await visit(one.server, portOfOne, options);
        const there = await visit(other.server, portOfOther, { ...options, session: given.session });
        const fresh = await visit(other.server, portOfOther, options);
        const back = await visit(one.server, portOfOne, { ...options, session: fresh.session });
        return [there.reused, back.reused];
      };
      // First all learn the next key, then each begins to use it, then all forget the former one: at no step together.
      const steps = [[former, next], [next, former], [next]];
      for (const keys of steps) {
        one.server.setTicketKeys(keys);
        expect(one.server.getTicketKeys()).to.deep.equal(keys[0]);
        expect(await passes()).to.deep.equal([true, true]);
        other.server.setTicketKeys(keys);
        expect(await passes()).to.deep.equal([true, true]);
      }
      const old = serving({ ticketKeys: former });
      const stale = await visit(old.server, await listen(old.server), options);
      expect((await visit(one.server, portOfOne, { ...options, session: stale.session })).reused).to.equal(
        false,
      );
    });

    it(`ends with ${protocol} when the ticket keys are replaced: a full handshake follows`, async () => {
      const { server, signer } = serving();
      const port = await listen(server);
      const { session } = await visit(server, port, options);
      server.setTicketKeys(Buffer.alloc(48, 7));
      expect((await visit(server, port, { ...options, session })).reused).to.equal(false);
      expect(signer.operations).to.have.lengthOf(2);
    });

    it(`outlives with ${protocol} a certificate that is renewed for the same key, and no other`, async () => {
      const { server, signer } = serving();
      const port = await listen(server);
      const { session } = await visit(server, port, options);
      server.setSecureContext({ cert, signer });
      expect((await visit(server, port, { ...options, session })).reused).to.equal(true);
      const other = identity('P-384');
      server.setSecureContext({ cert: other.cert, signer: new AsynchronousSigner(other.key) });
      expect((await visit(server, port, { ...options, session })).reused).to.equal(false);
    });

    it(`is for the name (SNI) under which the ticket was given, with ${protocol}`, async () => {
      const { server } = serving();
      const other = identity('P-256', 'other.example');
      server.addContext('other.example', { cert: other.cert, signer: new AsynchronousSigner(other.key) });
      const port = await listen(server);
      const there = { ...options, servername: 'other.example' };
      const { session } = await visit(server, port, options);
      expect((await visit(server, port, { ...there, session })).reused).to.equal(false);
      const known = await visit(server, port, there);
      expect((await visit(server, port, { ...there, session: known.session })).reused).to.equal(true);
    });

    it(`keeps applications apart by sessionIdContext, with ${protocol}`, async () => {
      const ticketKeys = Buffer.alloc(48, 9);
      const one = serving({ ticketKeys, sessionIdContext: 'one' });
      const two = serving({ ticketKeys, sessionIdContext: 'two' });
      const given = await visit(one.server, await listen(one.server), options);
      const there = await visit(two.server, await listen(two.server), { ...options, session: given.session });
      expect(there.reused).to.equal(false);
    });
  }

  it('sends the client its lifetime: sessionTimeout, 7200 seconds by default', async () => {
    for (const [given, told] of [
      [{}, 7200],
      [{ sessionTimeout: 77 }, 77],
    ] as const) {
      const { server } = serving(given);
      const { session } = await visit(server, await listen(server));
      expect(lifetimeHint(session)).to.equal(told);
    }
  });

  it('gives two tickets a handshake in TLS 1.3, so that two connections at once can use one each', async () => {
    const { server } = serving();
    const port = await listen(server);
    const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, minVersion: 'TLSv1.3' });
    const sessions: Buffer[] = [];
    client.on('session', (given: Buffer) => sessions.push(given));
    await readAll(client);
    expect(sessions).to.have.lengthOf(2);
    expect(sessions[0]).not.to.deep.equal(sessions[1]);
  });

  it('is not offered where client certificates are asked for: a resumed session has none', async () => {
    const { server, signer } = serving({ requestCert: true, rejectUnauthorized: false });
    const port = await listen(server);
    for (const protocol of protocols) {
      const options = { minVersion: protocol, maxVersion: protocol };
      const { session } = await visit(server, port, options);
      expect((await visit(server, port, { ...options, session })).reused).to.equal(false);
    }
    expect(signer.operations).to.have.lengthOf(4);
  });

  it('works on attached servers, which take their own sessionTimeout and ticketKeys over', async () => {
    const signer = new AsynchronousSigner(key);
    const ticketKeys = Buffer.alloc(48, 3);
    const server = attach(
      createHttpsServer({ sessionTimeout: 99, ticketKeys }, (_req, res) => res.end()),
      { cert, signer },
    );
    kept(server);
    const port = await listen(server);
    const talk = async (session?: Buffer): Promise<Visit> => {
      const client = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, session });
      const secure = once(server, 'secureConnection') as unknown as Promise<[TlsSocket]>;
      let given: Buffer | undefined;
      client.on('session', (each: Buffer) => (given = each));
      client.write('GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n');
      await readAll(client);
      const [socket] = await secure;
      return { reused: client.isSessionReused(), session: given, serverReused: socket.isSessionReused() };
    };
    const first = await talk();
    expect(lifetimeHint(first.session)).to.equal(99);
    expect(server.getTicketKeys()).to.deep.equal(ticketKeys);
    expect((await talk(first.session)).reused).to.equal(true);
    server.setTicketKeys(Buffer.alloc(48, 4));
    expect((await talk(first.session)).reused).to.equal(false);
    expect(signer.operations).to.have.lengthOf(2);
  });

  it('is refused by name where it is asked for wrongly', () => {
    const { server } = serving();
    const without = serving({ sessionTickets: false }).server;
    const refusals: [string, () => unknown, string, RegExp][] = [
      [
        'keys of 47 bytes',
        () => serving({ ticketKeys: Buffer.alloc(47) }),
        'ERR_S2N_PKEY_INVALID_OPTION',
        /^ticketKeys: .*48/,
      ],
      [
        'keys as a text',
        () => server.setTicketKeys('x' as never),
        'ERR_S2N_PKEY_INVALID_OPTION',
        /^ticketKeys:/,
      ],
      ['no key in a list', () => server.setTicketKeys([]), 'ERR_S2N_PKEY_INVALID_OPTION', /1 to 48 keys/],
      [
        'more keys than s2n-tls holds',
        () => server.setTicketKeys(Array.from({ length: 49 }, (_, index) => Buffer.alloc(48, index + 1))),
        'ERR_S2N_PKEY_INVALID_OPTION',
        /1 to 48 keys.*49 keys/,
      ],
      [
        'a short key in a list',
        () => serving({ ticketKeys: [Buffer.alloc(48), Buffer.alloc(47)] }),
        'ERR_S2N_PKEY_INVALID_OPTION',
        /^ticketKeys\[1\]: .*47 bytes/,
      ],
      [
        'two keys of one name',
        () =>
          server.setTicketKeys([
            Buffer.alloc(48, 1),
            Buffer.concat([Buffer.alloc(16, 1), Buffer.alloc(32, 2)]),
          ]),
        'ERR_S2N_PKEY_INVALID_OPTION',
        /^ticketKeys\[1\]: .*name/,
      ],
      [
        'two keys of one secret',
        () =>
          server.setTicketKeys([
            Buffer.alloc(48, 1),
            Buffer.concat([Buffer.alloc(16, 2), Buffer.alloc(32, 1)]),
          ]),
        'ERR_S2N_PKEY_INVALID_OPTION',
        /^ticketKeys\[1\]: .*secret/,
      ],
      [
        'no time',
        () => serving({ sessionTimeout: 0 }),
        'ERR_S2N_PKEY_INVALID_OPTION',
        /sessionTickets: false/,
      ],
      [
        'more than a week',
        () => serving({ sessionTimeout: 604_801 }),
        'ERR_S2N_PKEY_INVALID_OPTION',
        /604800/,
      ],
      [
        'no flag',
        () => serving({ sessionTickets: 1 as never }),
        'ERR_S2N_PKEY_INVALID_OPTION',
        /^sessionTickets:/,
      ],
      [
        'a long context',
        () => serving({ sessionIdContext: 'x'.repeat(33) }),
        'ERR_S2N_PKEY_INVALID_OPTION',
        /32 bytes/,
      ],
      [
        'keys of a server without tickets',
        () => without.getTicketKeys(),
        'ERR_S2N_PKEY_NO_SESSION_TICKETS',
        /sessionTickets/,
      ],
      [
        'tickets where client certificates are asked for',
        () => serving({ requestCert: true, sessionTickets: true }),
        'ERR_S2N_PKEY_INVALID_OPTION',
        /^sessionTickets: .*requestCert/,
      ],
      [
        'keys for them',
        () => serving({ requestCert: true, ticketKeys: Buffer.alloc(48) }),
        'ERR_S2N_PKEY_INVALID_OPTION',
        /^ticketKeys: .*requestCert/,
      ],
      [
        'keys for one',
        () => without.setTicketKeys(Buffer.alloc(48)),
        'ERR_S2N_PKEY_NO_SESSION_TICKETS',
        /sessionTickets/,
      ],
    ];
    for (const [what, attempt, code, message] of refusals) {
      expect(attempt, what).to.throw(message).with.property('code', code);
    }
  });
});
