import { once, type EventEmitter } from 'node:events';
import {
  connect as connectNode,
  createServer as createNodeServer,
  type ConnectionOptions,
  type SecureVersion,
  type TLSSocket,
} from 'node:tls';
import { expect } from 'chai';
import {
  connect,
  createServer,
  LocalKeySigner,
  type TlsConnectionError,
  type TlsSocket,
} from '../../lib/index.ts';
import { Authority, type AuthorityKey, type Digest, type MadeWith } from '../fixtures/authority.ts';
import type { Identity } from '../fixtures/identity.ts';
import { keptServers } from '../fixtures/kept-servers.ts';
import { listen } from '../fixtures/peers.ts';

const weakDigest = 'CA_MD_TOO_WEAK';
const weakLeafKey = 'EE_KEY_TOO_SMALL';
const weakAuthorityKey = 'CA_KEY_TOO_SMALL';
const everyPolicy = ['default', 'default_tls13', 'default_fips', 'rfc9151'] as const;
type Policy = (typeof everyPolicy)[number];

/** OpenSSL's words for what is too weak by itself, which node:tls shows where it has no code of its own. */
const words: Record<string, string> = {
  [weakDigest]: 'CA signature digest algorithm too weak',
  [weakLeafKey]: 'EE certificate key too weak',
  [weakAuthorityKey]: 'CA certificate key too weak',
};

/** A chain of three, and what comes of it. What is not given is P-384, signed with SHA-384: strong enough for every policy. */
interface Row {
  readonly what: string;
  readonly root?: MadeWith;
  readonly intermediate?: MadeWith;
  readonly leaf?: MadeWith;
  /** The code by policy; `null`: it is authorized. */
  readonly expected: string | null | Partial<Record<Policy, string | null>>;
  /** Whether node:tls, too, refuses it, whatever its version. Otherwise it is stricter on purpose, or asked by the policy. */
  readonly nodeRefuses?: true;
  /** Where a peer can sign a handshake with it at all. */
  readonly versions?: readonly SecureVersion[];
  readonly policies?: readonly Policy[];
}

const strong = { key: 'P-384', digest: 'SHA-384' } as const;
const signedBy = (digest: Digest): MadeWith => ({ ...strong, digest });
const withKey = (key: AuthorityKey): MadeWith => ({ ...strong, key });
const sha256 = (expected: string | null) => ({ ...all(null), rfc9151: expected });
const all = (expected: string | null) => Object.fromEntries(everyPolicy.map((name) => [name, expected]));

const rows: readonly Row[] = [
  { what: 'P-384 and SHA-384 throughout', expected: null },
  { what: 'a root that signed itself with SHA-1', root: signedBy('SHA-1'), expected: null },
  { what: 'a leaf signed with SHA-1', leaf: signedBy('SHA-1'), expected: weakDigest, nodeRefuses: true },
  {
    what: 'an intermediate signed with SHA-1',
    intermediate: signedBy('SHA-1'),
    expected: weakDigest,
    nodeRefuses: true,
  },
  {
    what: 'a leaf signed by RSA with SHA-1',
    intermediate: withKey('RSA-3072'),
    leaf: signedBy('SHA-1'),
    expected: weakDigest,
    nodeRefuses: true,
  },
  { what: 'a leaf signed with SHA-256', leaf: signedBy('SHA-256'), expected: sha256(weakDigest) },
  {
    what: 'an intermediate signed with SHA-256',
    intermediate: signedBy('SHA-256'),
    expected: sha256(weakDigest),
  },
  { what: 'a root that signed itself with SHA-256', root: signedBy('SHA-256'), expected: null },
  {
    what: 'a leaf of RSA-512',
    leaf: withKey('RSA-512'),
    expected: weakLeafKey,
    nodeRefuses: true,
    versions: ['TLSv1.2'],
    policies: ['default', 'default_tls13', 'default_fips'],
  },
  {
    what: 'a leaf of RSA-768',
    leaf: withKey('RSA-768'),
    expected: weakLeafKey,
    nodeRefuses: true,
    policies: ['default', 'default_tls13', 'default_fips'],
  },
  { what: 'a leaf of RSA-1024', leaf: withKey('RSA-1024'), expected: weakLeafKey },
  { what: 'a leaf of RSA-2048', leaf: withKey('RSA-2048'), expected: sha256(weakLeafKey) },
  { what: 'a leaf of RSA-3072', leaf: withKey('RSA-3072'), expected: null },
  {
    what: 'a leaf of P-256',
    leaf: withKey('P-256'),
    expected: null,
    policies: ['default', 'default_tls13', 'default_fips'],
  },
  {
    what: 'an intermediate of RSA-768',
    intermediate: withKey('RSA-768'),
    expected: weakAuthorityKey,
    nodeRefuses: true,
  },
  { what: 'an intermediate of RSA-1024', intermediate: withKey('RSA-1024'), expected: weakAuthorityKey },
  { what: 'an intermediate of P-256', intermediate: withKey('P-256'), expected: sha256(weakAuthorityKey) },
  { what: 'a root of RSA-768', root: withKey('RSA-768'), expected: weakAuthorityKey, nodeRefuses: true },
  { what: 'a root of RSA-1024', root: withKey('RSA-1024'), expected: weakAuthorityKey },
  { what: 'a root of P-256', root: withKey('P-256'), expected: sha256(weakAuthorityKey) },
  {
    what: 'an intermediate of Ed25519',
    intermediate: withKey('Ed25519'),
    // Ed25519 is in none of the lists of signatures that s2n-tls's policies have.
    expected: {
      default: null,
      default_tls13: weakDigest,
      default_fips: weakDigest,
      rfc9151: weakAuthorityKey,
    },
  },
];

interface Chain extends Identity {
  readonly ca: string;
}

describe('the strength of a peer’s certificates', () => {
  const kept = keptServers();
  const chains = new Map<Row, Chain>();
  let site: Identity;
  let client: Identity;
  let trusted: string;

  before(async () => {
    const root = await Authority.create('Strong root', strong);
    trusted = root.certificate;
    site = await root.issue({ name: 'localhost', dns: ['localhost'], ...strong });
    client = await root.issue({ name: 'localhost', ...strong });
    for (const row of rows) {
      const authority = await Authority.create(`Root of ${row.what}`, row.root ?? strong);
      const intermediate = await authority.intermediate(row.what, row.intermediate ?? strong);
      const leaf = await intermediate.issue({
        name: 'localhost',
        dns: ['localhost'],
        ...(row.leaf ?? strong),
      });
      chains.set(row, { ...leaf, ca: authority.certificate });
    }
  });

  const chainOf = (row: Row): Chain => {
    const chain = chains.get(row);
    if (!chain) throw new Error(`no chain for ${row.what}`);
    return chain;
  };

  /** What a server of ours says of a client with this chain: its code, or null. */
  async function askOurServer(chain: Chain, securityPolicy: string, version: SecureVersion) {
    const server = kept(
      createServer({
        cert: site.cert,
        signer: new LocalKeySigner({ key: site.key }),
        securityPolicy,
        requestCert: true,
        rejectUnauthorized: false,
        ca: chain.ca,
      }),
    );
    const seen = once(server, 'secureConnection') as Promise<[TlsSocket]>;
    const peer = present(await listen(server), chain, version);
    const [socket] = await seen;
    const { authorized, authorizationError } = socket;
    const subject = socket.getPeerX509Certificate()?.subject;
    socket.on('error', () => undefined).destroy();
    peer.destroy();
    expect(subject).to.equal('CN=localhost');
    expect(authorized).to.equal(authorizationError === null);
    return authorizationError;
  }

  /** What a client of ours says of a server with this chain. */
  async function askOurClient(chain: Chain, securityPolicy: string, version: SecureVersion) {
    const port = await listen(kept(weakNodeServer(chain, version)));
    const ours = connect({ port, host: '127.0.0.1', servername: 'localhost', ca: chain.ca, securityPolicy });
    return outcome<TlsConnectionError>(ours);
  }

  /** The same of node:tls, in OpenSSL's words. */
  async function askNodeClient(chain: Chain, version: SecureVersion): Promise<Error | null> {
    const port = await listen(kept(weakNodeServer(chain, version)));
    const theirs = connectNode({ port, host: '127.0.0.1', servername: 'localhost', ca: chain.ca });
    return outcome<Error>(theirs);
  }

  for (const row of rows) {
    describe(row.what, () => {
      for (const policy of row.policies ?? everyPolicy) {
        const expected =
          row.expected === null || typeof row.expected === 'string'
            ? row.expected
            : (row.expected[policy] ?? null);
        it(`is ${expected ?? 'authorized'} under ${policy}`, async () => {
          for (const version of row.versions ?? (['TLSv1.2', 'TLSv1.3'] as const)) {
            const chain = chainOf(row);
            expect(await askOurServer(chain, policy, version), `a client over ${version}`).to.equal(expected);
            const error = await askOurClient(chain, policy, version);
            expect(error?.code ?? null, `a server over ${version}`).to.equal(expected);
            if (expected !== null) expect(error).to.have.property('alert', 42);
          }
        });
      }

      if (row.nodeRefuses) {
        it('is refused by node:tls for the same reason', async () => {
          const error = await askNodeClient(chainOf(row), row.versions?.[0] ?? 'TLSv1.3');
          const ours = await askOurClient(chainOf(row), 'default', row.versions?.[0] ?? 'TLSv1.3');
          expect(error?.message).to.equal(words[row.expected as string]);
          expect(ours?.message).to.equal(
            `${error?.message ?? ''} (the peer was sent the alert bad_certificate (42))`,
          );
        });
      } else if (row.expected === null) {
        it('is authorized by node:tls, too', async () => {
          expect(await askNodeClient(chainOf(row), 'TLSv1.3')).to.equal(null);
        });
      }
    });
  }

  it('sends an alert to a client that it refuses', async () => {
    const row = rows.find(({ what }) => what === 'a leaf signed with SHA-1');
    if (!row) throw new Error('no such row');
    const server = kept(
      createServer({
        cert: site.cert,
        signer: new LocalKeySigner({ key: site.key }),
        requestCert: true,
        ca: chainOf(row).ca,
      }),
    );
    const port = await listen(server);
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const failed = once(server, 'tlsClientError') as Promise<[TlsConnectionError]>;
      const peer = present(port, chainOf(row), version);
      const [alert] = (await once(peer, 'error')) as [Error];
      expect(alert.message).to.match(/bad certificate.*alert number 42/);
      const [error] = await failed;
      expect(error.code).to.equal(weakDigest);
    }
  });

  it('says that it is the security policy, where what is refused is strong', async () => {
    const of = (what: string): Chain =>
      chainOf(rows.find((row) => row.what === what) ?? rows[0] ?? { what, expected: null });
    const refusals = [
      ['a leaf of RSA-2048', 'the key of the peer’s certificate'],
      ['an intermediate of P-256', 'the key of an authority'],
      ['a leaf signed with SHA-256', 'a signature in the certificate chain'],
    ] as const;
    for (const [what, words] of refusals) {
      const error = await askOurClient(of(what), 'rfc9151', 'TLSv1.3');
      expect(error?.message, what).to.contain(
        `the security policy does not allow ${words.replace('’', "'")}`,
      );
    }
  });

  it('is that of the whole path, not of what else a peer sends', async () => {
    const weak = await Authority.create('Weak', { key: 'RSA-1024', digest: 'SHA-1' });
    const chain = { ...client, cert: `${client.cert}\n${weak.certificate}`, ca: trusted };
    expect(await askOurServer(chain, 'default', 'TLSv1.3')).to.equal(null);
  });

  it('is looked at again when a session is resumed', async () => {
    const row = rows.find(({ what }) => what === 'a leaf of RSA-2048');
    if (!row) throw new Error('no such row');
    const chain = chainOf(row);
    const port = await listen(kept(weakNodeServer(chain, 'TLSv1.3')));
    const to = { port, host: '127.0.0.1', servername: 'localhost', ca: chain.ca };
    const first = connect({ ...to, securityPolicy: 'default' });
    const [session] = (await once(first, 'session')) as [Buffer];
    first.destroy();
    const again = connect({ ...to, securityPolicy: 'default', session });
    await once(again, 'secureConnect');
    expect(again.isSessionReused()).to.equal(true);
    again.destroy();
    const stricter = connect({ ...to, securityPolicy: 'rfc9151', session });
    const [error] = (await once(stricter, 'error')) as [TlsConnectionError];
    expect(error.code).to.equal(weakLeafKey);
  });
});

/** The error that a client's handshake ended with; null where it did not. Then the client ends. */
async function outcome<E extends Error>(socket: EventEmitter & { destroy(): unknown }): Promise<E | null> {
  try {
    await once(socket, 'secureConnect');
    return null;
  } catch (error) {
    return error as E;
  } finally {
    socket.on('error', () => undefined);
    socket.destroy();
  }
}

/** OpenSSL's own objections to what it is to show are turned off. */
const lax = 'DEFAULT:@SECLEVEL=0';

function present(port: number, chain: Identity, version: SecureVersion): TLSSocket {
  const options: ConnectionOptions = { minVersion: version, maxVersion: version, ciphers: lax };
  const peer = connectNode({
    port,
    host: '127.0.0.1',
    rejectUnauthorized: false,
    key: chain.key,
    cert: chain.cert,
    ...options,
  });
  return peer.on('error', () => undefined).resume();
}

function weakNodeServer(chain: Identity, version: SecureVersion) {
  return createNodeServer(
    { key: chain.key, cert: chain.cert, ciphers: lax, minVersion: version, maxVersion: version },
    (socket) => socket.on('error', () => undefined).resume(),
  ).on('tlsClientError', () => undefined);
}
