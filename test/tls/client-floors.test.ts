import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { Agent as HttpsAgent, request } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import tls, { type TlsOptions } from 'node:tls';
import { promisify } from 'node:util';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import {
  Agent,
  buildConnector,
  connect,
  createSecureContext,
  LocalKeySigner,
  type ConnectOptions,
  type TlsSocket,
} from '../../lib/index.ts';
import { Authority } from '../fixtures/authority.ts';
import { identity, type Identity } from '../fixtures/identity.ts';
import { keptServers } from '../fixtures/kept-servers.ts';

/** The protocol that was agreed on, or `refused`. */
type Outcome = string;
type Entry = (port: number, options: ConnectOptions) => Promise<Outcome>;

const own = identity('P-256');

function settled(socket: tls.TLSSocket | TlsSocket): Promise<Outcome> {
  return new Promise((resolve) => {
    let outcome = 'refused';
    socket.on('secureConnect', () => {
      outcome = socket.getProtocol() ?? 'none';
      socket.end();
    });
    socket.on('error', () => undefined).resume();
    socket.on('close', () => resolve(outcome));
  });
}

function requested(agent: HttpsAgent, port: number, options: ConnectOptions = {}): Promise<Outcome> {
  return new Promise((resolve) => {
    const asked = request({ agent, port, host: '127.0.0.1', ...(options as object) }, (response) => {
      const { socket } = response as unknown as { socket: tls.TLSSocket };
      const protocol = socket.getProtocol() ?? 'none';
      response.resume().on('close', () => resolve(protocol));
    });
    asked.on('error', () => resolve('refused')).end();
  });
}

const context = { cert: own.cert, signer: new LocalKeySigner({ key: own.key }) };
const at = (port: number): { port: number; host: string } => ({ port, host: '127.0.0.1' });

const entries: Readonly<Record<string, Entry>> = {
  connect: (port, options) => settled(connect({ ...at(port), ...options })),
  'connect with a context beside it': (port, options) =>
    settled(connect({ ...at(port), ...options, secureContext: createSecureContext(context) })),
  'connect with a context that says it': (
    port,
    { ca, crl, minVersion, maxVersion, securityPolicy, ...rest },
  ) => {
    const said = Object.entries({ ca, crl, minVersion, maxVersion, securityPolicy });
    const given = Object.fromEntries(said.filter(([, value]) => value !== undefined));
    const secureContext = createSecureContext({ ...context, ...given });
    return settled(connect({ ...at(port), ...rest, secureContext }));
  },
  Agent: (port, options) => requested(new Agent(options), port),
  'a request with an Agent': (port, options) => requested(new Agent(), port, options),
  buildConnector: (port, options) =>
    new Promise((resolve) => {
      const request = { hostname: '127.0.0.1', protocol: 'https:', port: String(port) };
      buildConnector(options)(request, (error, socket) => {
        if (error || !socket) resolve('refused');
        else resolve(settledLater(socket as TlsSocket));
      });
    }),
};

async function settledLater(socket: TlsSocket): Promise<Outcome> {
  const protocol = socket.getProtocol() ?? 'none';
  socket.on('error', () => undefined).resume();
  socket.end();
  await once(socket, 'close');
  return protocol;
}

const node: Readonly<Record<string, Entry>> = {
  'node’s tls.connect': (port, options) => settled(tls.connect({ ...at(port), ...(options as object) })),
  'node’s https.Agent': (port, options) => requested(new HttpsAgent(options as object), port),
};

interface Case {
  readonly title: string;
  /** What the server, which is node's, is made with. */
  readonly server?: TlsOptions;
  readonly shown?: 'friend' | 'fired';
  readonly options: () => ConnectOptions;
  readonly expected: Outcome;
  readonly notOfNode?: boolean;
}

describe('a setting of a client', () => {
  const kept = keptServers();
  let root: Authority;
  let friend: Identity;
  let fired: Identity & { serialNumber: string };
  let lists: string[];

  before(async () => {
    root = await Authority.create('Client floor root');
    friend = await root.issue({ name: 'localhost', ip: ['127.0.0.1'] });
    fired = await root.issue({ name: 'localhost', ip: ['127.0.0.1'] });
    lists = [await root.revocationList(fired.serialNumber)];
  });

  const trusting = (): ConnectOptions => ({ ca: root.certificate });
  const cases: readonly Case[] = [
    { title: 'nothing but ca', options: trusting, expected: 'TLSv1.3' },
    {
      title: 'minVersion',
      server: { maxVersion: 'TLSv1.2' },
      options: () => ({ ...trusting(), minVersion: 'TLSv1.3' }),
      expected: 'refused',
    },
    {
      title: 'maxVersion',
      options: () => ({ ...trusting(), maxVersion: 'TLSv1.2' }),
      expected: 'TLSv1.2',
    },
    {
      title: 'maxVersion, where the server has later ones alone',
      server: { minVersion: 'TLSv1.3' },
      options: () => ({ ...trusting(), maxVersion: 'TLSv1.2' }),
      expected: 'refused',
    },
    {
      title: 'securityPolicy',
      server: { maxVersion: 'TLSv1.2' },
      options: () => ({ ...trusting(), securityPolicy: '20250414' }),
      expected: 'refused',
      notOfNode: true,
    },
    {
      title: 'securityPolicy and minVersion',
      server: { maxVersion: 'TLSv1.2' },
      options: () => ({ ...trusting(), securityPolicy: 'default_fips', minVersion: 'TLSv1.3' }),
      expected: 'refused',
      notOfNode: true,
    },
    { title: 'no ca', options: () => ({}), expected: 'refused' },
    {
      title: 'crl',
      shown: 'fired',
      options: () => ({ ...trusting(), crl: lists }),
      expected: 'refused',
    },
    {
      title: 'crl, for another certificate',
      options: () => ({ ...trusting(), crl: lists }),
      expected: 'TLSv1.3',
    },
    {
      title: 'rejectUnauthorized: false',
      options: () => ({ rejectUnauthorized: false }),
      expected: 'TLSv1.3',
    },
    {
      title: 'rejectUnauthorized: undefined',
      options: () => ({ rejectUnauthorized: undefined }) as unknown as ConnectOptions,
      expected: 'refused',
    },
    {
      title: 'checkServerIdentity',
      options: () => ({ ...trusting(), checkServerIdentity: () => new Error('not this one') }),
      expected: 'refused',
    },
  ];

  async function serving({ server = {}, shown = 'friend' }: Partial<Case>): Promise<number> {
    const shows = shown === 'friend' ? friend : fired;
    const made: Server = kept(
      tls.createServer({ ...shows, ...server }, (socket) => {
        socket.on('error', () => undefined).resume();
        socket.end('HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      }),
    );
    made.listen(0, '127.0.0.1');
    await once(made, 'listening');
    return (made.address() as AddressInfo).port;
  }

  for (const each of cases) {
    describe(each.title, () => {
      const all = { ...entries, ...(each.notOfNode === true ? {} : node) };
      for (const [name, entry] of Object.entries(all)) {
        it(`holds for ${name}`, async () => {
          expect(await entry(await serving(each), each.options())).to.equal(each.expected);
        });
      }
    });
  }

  describe('of the process', () => {
    const before = { lowest: tls.DEFAULT_MIN_VERSION, highest: tls.DEFAULT_MAX_VERSION };
    afterEach(() => {
      tls.DEFAULT_MIN_VERSION = before.lowest;
      tls.DEFAULT_MAX_VERSION = before.highest;
      delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    });

    for (const [name, entry] of Object.entries({ ...entries, ...node })) {
      it(`holds for ${name}: tls.DEFAULT_MIN_VERSION and tls.DEFAULT_MAX_VERSION`, async () => {
        const port = await serving({ server: { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.2' } });
        tls.DEFAULT_MIN_VERSION = 'TLSv1.3';
        expect(await entry(port, trusting())).to.equal('refused');
        expect(await entry(port, { ...trusting(), minVersion: 'TLSv1.2' })).to.equal('TLSv1.2');
        tls.DEFAULT_MIN_VERSION = before.lowest;
        const both = await serving({ server: { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' } });
        tls.DEFAULT_MAX_VERSION = 'TLSv1.2';
        expect(await entry(both, trusting())).to.equal('TLSv1.2');
      });

      it(`holds for ${name}: NODE_TLS_REJECT_UNAUTHORIZED, where the key is missing`, async () => {
        const port = await serving({});
        process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
        expect(await entry(port, {})).to.equal('TLSv1.3');
        expect(await entry(port, { rejectUnauthorized: true })).to.equal('refused');
        const undefinedKey = { rejectUnauthorized: undefined } as unknown as ConnectOptions;
        expect(await entry(port, undefinedKey)).to.equal('refused');
      });
    }

    it('is read from Node’s own flags, for clients and servers alike', async () => {
      const program = fileURLToPath(new URL('../fixtures/flagged-program.ts', import.meta.url));
      const run = async (...flags: string[]): Promise<unknown> => {
        const tsx = [...flags, '--import', 'tsx', program];
        const { stdout } = await promisify(execFile)(process.execPath, tsx, {
          cwd: fileURLToPath(new URL('../..', import.meta.url)),
        });
        return JSON.parse(stdout);
      };
      const both = ['TLSv1.2', 'TLSv1.3'];
      expect(await run()).to.deep.equal({ client: both, server: both });
      expect(await run('--tls-min-v1.3')).to.deep.equal({ client: ['TLSv1.3'], server: ['TLSv1.3'] });
      expect(await run('--tls-max-v1.2')).to.deep.equal({ client: ['TLSv1.2'], server: ['TLSv1.2'] });
      expect(await run('--tls-min-v1.0')).to.deep.equal({ client: both, server: both });
    }).timeout(60_000);
  });

  it('a session does not get around a floor that was raised since', async () => {
    const port = await serving({ server: { maxVersion: 'TLSv1.2' } });
    const first = connect({ ...at(port), ...trusting() });
    const [session] = (await once(first, 'session')) as [Buffer];
    first.resume().end();
    await once(first, 'close');
    expect(await entries['connect']?.(port, { ...trusting(), session, minVersion: 'TLSv1.3' })).to.equal(
      'refused',
    );
  });

  it('a kept connection is for requests that demand the same', async () => {
    const agent = new Agent({ keepAlive: true });
    const base = { host: 'localhost', port: 1, ca: root.certificate };
    const others: ConnectOptions[] = [
      {},
      { minVersion: 'TLSv1.3' },
      { maxVersion: 'TLSv1.2' },
      { securityPolicy: 'default_fips' },
      { crl: lists },
      { allowPartialTrustChain: true },
      { rejectUnauthorized: false },
      { rejectUnauthorized: undefined } as unknown as ConnectOptions,
      { servername: 'other.example' },
      { checkServerIdentity: () => undefined },
      { ALPNProtocols: ['one'] },
      { ALPNProtocols: Buffer.from('\x03two') },
      { cert: own.cert, signer: context.signer },
      { identities: [context] },
      { secureContext: createSecureContext(context) },
      { requestOCSP: true },
    ];
    process.env['NODE_TLS_REJECT_UNAUTHORIZED'] = '0';
    const names = others.map((options) => agent.getName({ ...base, ...(options as object) }));
    delete process.env['NODE_TLS_REJECT_UNAUTHORIZED'];
    expect(new Set(names).size).to.equal(others.length);
  });
});
