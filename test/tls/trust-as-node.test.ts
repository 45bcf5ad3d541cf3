import { once } from 'node:events';
import type { Server } from 'node:net';
import { connect as connectNode, createServer as createNodeServer } from 'node:tls';
import { expect } from 'chai';
import { connect, createServer, LocalKeySigner } from '../../lib/index.ts';
import { Authority, type RawExtension } from '../fixtures/authority.ts';
import type { Identity } from '../fixtures/identity.ts';
import { keptServers } from '../fixtures/kept-servers.ts';
import { listen } from '../fixtures/peers.ts';

interface Trust {
  readonly ca: string | string[];
  readonly crl?: string[];
}

/** What is said of a peer; null: it is authorized. */
type Verdict = string | null;

describe('who is let in, as with node:tls', () => {
  const kept = keptServers();
  let site: Identity;

  before(async () => {
    site = await (await Authority.create('Site')).issue({ name: 'localhost', dns: ['localhost'] });
  });

  /** Asks both about a client with this certificate, and expects one answer. */
  async function ofClient(peer: Identity, trust: Trust, what: string): Promise<Verdict> {
    const options = { ...trust, requestCert: true, rejectUnauthorized: false };
    const theirs = await verdict(createNodeServer({ key: site.key, cert: site.cert, ...options }), peer);
    const signer = new LocalKeySigner({ key: site.key });
    const ours = await verdict(createServer({ cert: site.cert, signer, ...options }), peer);
    expect(ours, `a client: ${what}`).to.equal(theirs);
    return ours;
  }

  async function verdict(server: Server, { key, cert }: Identity): Promise<Verdict> {
    const seen = once(kept(server), 'secureConnection');
    const client = connectNode({
      port: await listen(server),
      host: '127.0.0.1',
      rejectUnauthorized: false,
      key,
      cert,
    });
    client.on('error', () => undefined).resume();
    const [socket] = (await seen) as [NodeJS.EventEmitter & SocketLike];
    const reason = socket.authorizationError ?? null;
    socket.on('error', () => undefined);
    socket.destroy();
    client.destroy();
    expect(socket.authorized).to.equal(reason === null);
    return reason;
  }

  /** The same of a server. */
  async function ofServer({ key, cert }: Identity, trust: Trust, what: string): Promise<Verdict> {
    const server = createNodeServer({ key, cert }, (socket) => socket.on('error', () => undefined).resume());
    const to = { port: await listen(kept(server)), host: '127.0.0.1', servername: 'localhost' };
    const verdicts: Verdict[] = [];
    for (const client of [
      connectNode({ ...to, ...trust, rejectUnauthorized: false, checkServerIdentity: () => undefined }),
      connect({ ...to, ...trust, rejectUnauthorized: false, checkServerIdentity: () => undefined }),
    ]) {
      await once(client, 'secureConnect');
      verdicts.push((client.authorizationError as unknown as string | null) ?? null);
      client.on('error', () => undefined).destroy();
    }
    expect(verdicts[1], `a server: ${what}`).to.equal(verdicts[0]);
    return verdicts[1] ?? null;
  }

  it('a leaf whose subject merely equals its issuer’s name makes no anchor of an intermediate', async () => {
    const root = await Authority.create('Root');
    const intermediate = await root.intermediate('Same name');
    const leaf = await intermediate.issue({ name: 'Same name', dns: ['localhost'] });
    const trust = { ca: [intermediate.certificate] };
    expect(await ofClient(leaf, trust, 'by the intermediate')).to.equal('DEPTH_ZERO_SELF_SIGNED_CERT');
    expect(await ofServer(leaf, trust, 'by the intermediate')).to.equal('DEPTH_ZERO_SELF_SIGNED_CERT');
  });

  it('a certificate that signed itself is trusted where it is itself in `ca`, whatever its key is for', async () => {
    const self = await Authority.selfSigned({ name: 'localhost', dns: ['localhost'] });
    const other = await Authority.create('localhost');
    for (const ask of [ofClient, ofServer]) {
      expect(await ask(self, { ca: self.cert }, 'itself')).to.equal(null);
      expect(await ask(self, { ca: [other.certificate, self.cert] }, 'itself, beside its name')).to.equal(
        null,
      );
      expect(await ask(self, { ca: site.cert }, 'another')).to.equal('DEPTH_ZERO_SELF_SIGNED_CERT');
    }
  });

  it('an authority’s DNS constraints do not hold for a common name that is plain text', async () => {
    const constrained = { extensions: [permittedDns('good.test')] };
    const root = await Authority.create('Root Inc. of 2026', constrained);
    const intermediate = await root.intermediate('Middle Inc. No. 1');
    const trust = { ca: root.certificate };
    for (const [name, dns, expected] of [
      ['Meter No. 7', [], null],
      ['meter', [], null],
      ['a.good.test', [], null],
      ['a.bad.test', [], 'UNSPECIFIED'],
      ['Meter No. 7', ['a.good.test'], null],
      ['Meter No. 7', ['a.bad.test'], 'UNSPECIFIED'],
      ['a.bad.test', ['a.good.test'], null],
    ] as const) {
      const leaf = await intermediate.issue({ name, dns });
      const what = `${name}, ${dns.join()}`;
      expect(await ofClient(leaf, trust, what), what).to.equal(expected);
      expect(await ofServer(leaf, trust, what), what).to.equal(expected);
    }
    const person = await intermediate.issue({ name: 'Müller GmbH. Abt. 2' });
    expect(await ofClient(person, trust, 'beyond ASCII')).to.equal(null);
  });

  it('a revocation list for others than the certificate is none: UNABLE_TO_GET_CRL', async () => {
    const root = await Authority.create('Root');
    const intermediate = await root.intermediate('Intermediate');
    const plain = await intermediate.issue({ name: 'plain' });
    const placed = await intermediate.issue({
      name: 'placed',
      extensions: [distributionPoint('http://crl.test/1')],
    });
    const here = pointName('http://crl.test/1');
    const lists: [what: string, extensions: RawExtension[], forPlain: Verdict, forPlaced: Verdict][] = [
      ['for all', [], null, null],
      ['for one distribution point', [issuing(here)], 'UNABLE_TO_GET_CRL', null],
      [
        'for another distribution point',
        [issuing(pointName('http://crl.test/2'))],
        'UNABLE_TO_GET_CRL',
        'UNABLE_TO_GET_CRL',
      ],
      ['for users', [issuing(flag(1))], null, null],
      ['for authorities', [issuing(flag(2))], 'UNABLE_TO_GET_CRL', 'UNABLE_TO_GET_CRL'],
      ['for attributes', [issuing(flag(5))], 'UNABLE_TO_GET_CRL', 'UNABLE_TO_GET_CRL'],
      ['that is indirect', [issuing(flag(4))], 'UNABLE_TO_GET_CRL', 'UNABLE_TO_GET_CRL'],
      [
        'for some reasons',
        [issuing(Buffer.from([0x83, 2, 1, 0x40]))],
        'UNABLE_TO_GET_CRL',
        'UNABLE_TO_GET_CRL',
      ],
      ['for users at one point', [issuing(here, flag(1))], 'UNABLE_TO_GET_CRL', null],
    ];
    const ofRoot = await root.revocationList();
    for (const [what, extensions, forPlain, forPlaced] of lists) {
      for (const [leaf, expected] of [
        [plain, forPlain],
        [placed, forPlaced],
      ] as const) {
        for (const revoked of [false, true]) {
          const serials = revoked ? [leaf.serialNumber] : [];
          const list = await intermediate.revocationListWith(extensions, ...serials);
          const trust = { ca: root.certificate, crl: [ofRoot, list] };
          const answer = expected === null && revoked ? 'CERT_REVOKED' : expected;
          expect(await ofClient(leaf, trust, what), what).to.equal(answer);
        }
      }
    }
  });
});

interface SocketLike {
  readonly authorized: boolean;
  readonly authorizationError: string | null | undefined;
  destroy(): void;
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag, content.length]), content]);
}

/** A critical nameConstraints extension (RFC 5280 §4.2.1.10). */
function permittedDns(name: string): RawExtension {
  return {
    oid: '2.5.29.30',
    critical: true,
    value: der(0x30, der(0xa0, der(0x30, der(0x82, Buffer.from(name))))),
  };
}

/** A DistributionPointName with one URI (§4.2.1.13). */
function pointName(uri: string): Buffer {
  return der(0xa0, der(0xa0, der(0x86, Buffer.from(uri))));
}

function distributionPoint(uri: string): RawExtension {
  return { oid: '2.5.29.31', critical: false, value: der(0x30, der(0x30, pointName(uri))) };
}

/** A critical issuingDistributionPoint extension (§5.2.5). */
function issuing(...parts: readonly Buffer[]): RawExtension {
  return { oid: '2.5.29.28', critical: true, value: der(0x30, ...parts) };
}

function flag(field: number): Buffer {
  return der(0x80 | field, Buffer.from([0xff]));
}
