import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { Server } from 'node:net';
import { createServer as createNodeServer, type SecureVersion, type TLSSocket } from 'node:tls';
import { expect } from 'chai';
import { connect, createServer, LocalKeySigner, type TlsServer } from '../../lib/index.ts';
import { Authority } from '../fixtures/authority.ts';
import type { Identity } from '../fixtures/identity.ts';
import { keptServers } from '../fixtures/kept-servers.ts';
import { listen } from '../fixtures/peers.ts';

const versions = ['TLSv1.2', 'TLSv1.3'] as const;

describe('the authorities that a server names', () => {
  const kept = keptServers();
  let first: Authority;
  let second: Authority;
  let site: Identity;

  before(async () => {
    first = await Authority.create('First root');
    second = await Authority.create('Second root');
    site = await first.issue({ name: 'localhost', dns: ['localhost'] });
  });

  function ours(options: object): TlsServer {
    const signer = new LocalKeySigner({ key: site.key });
    const server = createServer({ cert: site.cert, signer, requestCert: true, ...options });
    return kept(server.on('tlsClientError', () => undefined));
  }

  function theirs(options: object): Server {
    const server = createNodeServer({ ...site, requestCert: true, ...options });
    return kept(server.on('tlsClientError', () => undefined));
  }

  for (const version of versions) {
    describe(`over ${version}`, () => {
      it('are those of `ca`, in order, as node:tls names them', async () => {
        for (const ca of [
          first.certificate,
          [second.certificate, first.certificate],
          `${first.certificate}\n${second.certificate}`,
          [],
        ]) {
          const names = await namesSeen(await listen(ours({ ca })), version);
          expect(names).to.deep.equal(await namesSeen(await listen(theirs({ ca })), version));
          expect(names).to.have.length(
            typeof ca === 'string' ? ca.split('-----BEGIN').length - 1 : ca.length,
          );
        }
      });

      it('are not announced without `ca`, as in node:tls', async () => {
        expect(await namesSeen(await listen(ours({})), version)).to.deep.equal([]);
        expect(await namesSeen(await listen(theirs({})), version)).to.deep.equal([]);
      });

      it('are not announced by a server that requests no certificate', async () => {
        const server = ours({ requestCert: false, ca: first.certificate });
        expect(await namesSeen(await listen(server), version)).to.deep.equal([]);
      });

      it('are those of the context of the name that the client asks for', async () => {
        const server = ours({ ca: first.certificate });
        const signer = new LocalKeySigner({ key: site.key });
        server.addContext('other.test', { cert: site.cert, signer, ca: second.certificate });
        server.addContext('plain.test', { cert: site.cert, signer });
        const port = await listen(server);
        expect(await namesSeen(port, version, 'other.test')).to.deep.equal(['CN = Second root']);
        expect(await namesSeen(port, version, 'plain.test')).to.deep.equal(['CN = First root']);
        expect(await namesSeen(port, version)).to.deep.equal(['CN = First root']);
      });

      it('are left out where they are more than a message holds', async () => {
        // 25 bytes each, so that these are nearly 60 KiB, and one more is more than that.
        const many = Array.from({ length: 2457 }, () => first.certificate);
        expect(await namesSeen(await listen(ours({ ca: many })), version)).to.have.length(2457);
        const more = [...many, second.certificate];
        expect(await namesSeen(await listen(ours({ ca: more })), version)).to.deep.equal([]);
      });

      it('choose among the certificates of a client of ours', async () => {
        const rsa = await first.issue({ name: 'RSA', key: 'RSA-2048' });
        const ec = await second.issue({ name: 'ECDSA', key: 'P-256' });
        const both = [rsa, ec].map(({ cert, key }) => ({ cert, signer: new LocalKeySigner({ key }) }));
        const intermediate = await second.intermediate('Below');
        const below = await intermediate.issue({ name: 'Below', key: 'P-256' });
        for (const [identities, options, shown] of [
          [both, { ca: first.certificate }, 'RSA'],
          [both, { ca: second.certificate }, 'ECDSA'],
          [both, { ca: [second.certificate, first.certificate] }, 'RSA'],
          [both, { ca: [] }, 'RSA'],
          [both, { ca: first.certificate, sigalgs: 'ECDSA+SHA256' }, 'ECDSA'],
          [both, { ca: second.certificate, sigalgs: 'rsa_pss_rsae_sha256', ...rsa }, 'RSA'],
          [
            [...both.slice(0, 1), { cert: below.cert, signer: new LocalKeySigner({ key: below.key }) }],
            { ca: second.certificate },
            'Below',
          ],
        ] as const) {
          const server = theirs({
            ...options,
            rejectUnauthorized: false,
            minVersion: version,
            maxVersion: version,
          });
          const seen = once(server, 'secureConnection') as Promise<[TLSSocket]>;
          const client = connect({ port: await listen(server), identities, rejectUnauthorized: false });
          client.on('error', () => undefined);
          const [socket] = await seen;
          socket.on('error', () => undefined);
          expect(socket.getPeerCertificate().subject.CN, JSON.stringify(Object.keys(options))).to.equal(
            shown,
          );
          client.destroy();
          socket.destroy();
        }
      });
    });
  }
});

/** What OpenSSL's client is told, as it prints names. */
async function namesSeen(port: number, version: SecureVersion, name = 'localhost'): Promise<string[]> {
  const flag = version === 'TLSv1.2' ? '-tls1_2' : '-tls1_3';
  const client = spawn('openssl', ['s_client', '-connect', `127.0.0.1:${port}`, flag, '-servername', name], {
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  client.stdin.end();
  let output = '';
  client.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  await once(client, 'close');
  const list = /^Acceptable client certificate CA names\n((?:.* = .*\n)*)/m.exec(output);
  if (!list) expect(output).to.contain('No client certificate CA names sent');
  return (list?.[1] ?? '').split('\n').filter((line) => line !== '');
}
