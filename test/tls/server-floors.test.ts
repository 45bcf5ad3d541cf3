import { once } from 'node:events';
import type { AddressInfo, Server } from 'node:net';
import tls, { type TlsOptions } from 'node:tls';
import { expect } from 'chai';
import { createServer, LocalKeySigner, type TlsServerOptions } from '../../lib/index.ts';
import { contextRules } from '../../lib/tls/context/effective-settings.ts';
import { Authority } from '../fixtures/authority.ts';
import { cases, only, own, tls12, tls13, type Case, type People } from '../fixtures/floor-cases.ts';
import { keptServers } from '../fixtures/kept-servers.ts';
import { outcomeOf } from '../fixtures/outcome.ts';
import {
  listening,
  namedEntries,
  ownEntries,
  replacingEntries,
  type ServedEntry,
} from '../fixtures/server-entries.ts';

const all = { ...ownEntries, ...replacingEntries, ...namedEntries };

describe('a setting of a server', () => {
  let people: People;
  const kept = keptServers();

  before(async () => {
    const root = await Authority.create('Floor root');
    const intermediate = await root.intermediate('Floor intermediate');
    const fired = await intermediate.issue({ name: 'fired' });
    people = {
      root,
      intermediate,
      fired,
      friend: await intermediate.issue({ name: 'friend' }),
      stranger: await (await Authority.create('Other root')).issue({ name: 'stranger' }),
      lists: [await root.revocationList(), await intermediate.revocationList(fired.serialNumber)],
    };
  });

  async function check(entry: ServedEntry, { clients, more }: Case): Promise<void> {
    kept(entry.server);
    const port = await listening(entry);
    for (const [client, expected] of clients(people)) {
      const outcome = await outcomeOf(port, { servername: entry.servername, ...client });
      const what = `a client with ${Object.keys(client).join(', ') || 'nothing'}`;
      if (expected === 'refused') expect(outcome, what).to.equal('refused');
      else expect(outcome, what).to.deep.include(expected);
    }
    await more?.(port, entry.servername);
  }

  async function onNode(make: (options: TlsOptions) => Server, each: Case): Promise<void> {
    const server = make({ ...own, ...each.server(people) } as TlsOptions);
    server.on('secureConnection', (socket: tls.TLSSocket) => {
      socket.on('error', () => undefined).end('hello');
    });
    await check({ server, servername: 'localhost' }, each);
  }

  for (const each of cases) {
    describe(each.option, () => {
      for (const [name, entry] of Object.entries(all)) {
        it(`holds for clients of ${name}`, async () => {
          await check(await entry({ server: each.server(people), identity: own }), each);
        });
      }
      if (each.asNode === true) {
        it('means the same to node:tls', () => onNode((options) => tls.createServer(options), each));
      }
    });
  }

  it('has a rule, and each that contexts have in common is looked at here', () => {
    const shared = Object.entries(contextRules).filter(
      ([, rule]) => !['identity', 'connection'].includes(rule),
    );
    expect(cases.map(({ option }) => option)).to.have.members(shared.map(([name]) => name));
  });

  describe('tls.DEFAULT_MIN_VERSION and tls.DEFAULT_MAX_VERSION', () => {
    const before = { lowest: tls.DEFAULT_MIN_VERSION, highest: tls.DEFAULT_MAX_VERSION };
    afterEach(() => {
      tls.DEFAULT_MIN_VERSION = before.lowest;
      tls.DEFAULT_MAX_VERSION = before.highest;
    });
    const lowest: Case = {
      option: 'minVersion',
      server: () => ({}),
      clients: () => [
        [only('TLSv1.2'), 'refused'],
        [only('TLSv1.3'), tls13],
      ],
    };
    const highest: Case = {
      option: 'maxVersion',
      server: () => ({}),
      clients: () => [
        [only('TLSv1.3'), 'refused'],
        [only('TLSv1.2'), tls12],
      ],
    };
    const entries: typeof all = {
      ...all,
      'node:tls': ({ identity: shown }) => {
        const server = tls.createServer({ ...shown }, (socket) => {
          socket.on('error', () => undefined).end('hello');
        });
        return { server, servername: 'localhost' };
      },
    };
    for (const [name, entry] of Object.entries(entries)) {
      it(`hold for ${name}`, async () => {
        tls.DEFAULT_MIN_VERSION = 'TLSv1.3';
        await check(await entry({ server: {}, identity: own }), lowest);
        tls.DEFAULT_MIN_VERSION = before.lowest;
        tls.DEFAULT_MAX_VERSION = 'TLSv1.2';
        const made = await entry({ server: {}, identity: own });
        tls.DEFAULT_MAX_VERSION = before.highest; // Clients go by it as well.
        await check(made, highest);
      });
    }

    it('apply together with a policy, and an explicit version overrides them', async () => {
      tls.DEFAULT_MIN_VERSION = 'TLSv1.3';
      const makes = all['createServer'];
      if (!makes) throw new Error('there is no createServer');
      await check(await makes({ server: { securityPolicy: 'default' }, identity: own }), lowest);
      await check(await makes({ server: { minVersion: 'TLSv1.2' }, identity: own }), {
        ...lowest,
        clients: () => [[only('TLSv1.2'), tls12]],
      });
    });

    it('are raised to TLS 1.2, and refused by name where no later version is left', () => {
      const signer = new LocalKeySigner({ key: own.key });
      tls.DEFAULT_MIN_VERSION = 'TLSv1';
      createServer({ cert: own.cert, signer });
      tls.DEFAULT_MAX_VERSION = 'TLSv1.1';
      expect(() => createServer({ cert: own.cert, signer })).to.throw(/^tls\.DEFAULT_MAX_VERSION: expected/);
    });
  });

  describe('a context’s own', () => {
    for (const [name, entry] of Object.entries(namedEntries)) {
      it(`raises the floor, and does not lower it: ${name}`, async () => {
        const lower = await entry({
          server: { minVersion: 'TLSv1.3' },
          context: { minVersion: 'TLSv1.2' },
          identity: own,
        });
        await check(lower, {
          option: 'minVersion',
          server: () => ({}),
          clients: () => [
            [only('TLSv1.2'), 'refused'],
            [{}, tls13],
          ],
        });
        const bySomePolicy = await entry({
          server: { securityPolicy: '20250414' },
          context: { securityPolicy: 'default' },
          identity: own,
        });
        await check(bySomePolicy, {
          option: 'securityPolicy',
          server: () => ({}),
          clients: () => [
            [only('TLSv1.2'), 'refused'],
            [{}, tls13],
          ],
        });
        const higher = await entry({ server: {}, context: { minVersion: 'TLSv1.3' }, identity: own });
        await check(higher, {
          option: 'minVersion',
          server: () => ({}),
          clients: () => [
            [only('TLSv1.2'), 'refused'],
            [{ servername: 'localhost', ...only('TLSv1.2') }, tls12],
            [{}, tls13],
          ],
        });
      });

      it(`crl leaves the server’s ca in force, and the other way round: ${name}`, async () => {
        const { root, lists, friend, fired, stranger } = people;
        const entries = [
          { server: { requestCert: true, ca: root.certificate }, context: { crl: lists } },
          { server: { requestCert: true, crl: lists }, context: { ca: root.certificate } },
        ];
        for (const each of entries) {
          await check(await entry({ ...each, identity: own }), {
            option: 'crl',
            server: () => ({}),
            clients: () => [
              [stranger, 'refused'],
              [fired, 'refused'],
              [friend, tls13],
            ],
          });
        }
      });
    }

    it('is taken by setSecureContext, which changes the server’s own', async () => {
      const entry = replacingEntries['setSecureContext'];
      if (!entry) throw new Error('there is no setSecureContext');
      const server = { minVersion: 'TLSv1.3' } as const;
      await check(await entry({ server, context: { minVersion: 'TLSv1.2' }, identity: own }), {
        option: 'minVersion',
        server: () => ({}),
        clients: () => [[only('TLSv1.2'), tls12]],
      });
    });

    it('is refused by name where it cannot hold: outside the server’s versions, or the server’s alone', async () => {
      const signer = new LocalKeySigner({ key: own.key });
      const shown = { cert: own.cert, signer };
      const server = createServer({ ...shown, minVersion: 'TLSv1.3' });
      const add = (options: object) => () => server.addContext('a.example', { ...shown, ...options });
      expect(add({ maxVersion: 'TLSv1.2' })).to.throw(/^maxVersion: expected a version that the server has/);
      expect(add({ securityPolicy: '20240501' }))
        .to.throw(/policy '20240501'.* TLS 1\.2 alone/)
        .with.property('code', 'ERR_S2N_PKEY_SECURITY_POLICY');
      const ofServer = {
        requestCert: true,
        rejectUnauthorized: false,
        ALPNProtocols: ['h2'],
        sessionTickets: false,
        sessionTimeout: 5,
        ticketKeys: Buffer.alloc(48),
        sessionIdContext: 'other',
      };
      const rules = Object.entries(contextRules).filter(([, rule]) => rule === 'server');
      expect(Object.keys(ofServer)).to.have.members(rules.map(([name]) => name));
      for (const [name, value] of Object.entries(ofServer)) {
        expect(add({ [name]: value }), name).to.throw(
          new RegExp(`^${name}: expected what the server was made`),
        );
        expect(() => server.setSecureContext({ ...shown, [name]: value }), name).to.throw(
          new RegExp(`^${name}: `),
        );
      }
      const same = createServer({ ...shown, ...ofServer, requestCert: false, sessionTickets: true });
      same.addContext('a.example', {
        ...shown,
        ...ofServer,
        requestCert: false,
        sessionTickets: true,
      } as object);
      // A change of the server's own that a name cannot follow is refused as a whole.
      const [wide, port] = await serving({ ...shown });
      wide.addContext('old.example', { ...shown, maxVersion: 'TLSv1.2' });
      expect(() => wide.setSecureContext({ ...shown, minVersion: 'TLSv1.3' })).to.throw(/^maxVersion: /);
      expect(await outcomeOf(port, only('TLSv1.2'))).to.include(tls12);
      expect(await outcomeOf(port, { servername: 'old.example' })).to.include(tls12);
    });
  });

  async function serving(options: TlsServerOptions): Promise<[ReturnType<typeof createServer>, number]> {
    const server = kept(createServer(options, (socket) => socket.on('error', () => undefined).end('hello')));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return [server, (server.address() as AddressInfo).port];
  }
});
