import { once } from 'node:events';
import { createServer as createHttpsServer } from 'node:https';
import type { Server } from 'node:net';
import { connect, type ConnectionOptions } from 'node:tls';
import { expect } from 'chai';
import { attach, createServer, type TlsSocket } from '../../lib/index.ts';
import { signatureSchemeByName } from '../../lib/signers/signature-scheme.ts';
import {
  ClientFailure,
  curlEcho,
  opensslEcho,
  opensslPeerSignature,
  type ClientOptions,
  type Protocol,
} from '../fixtures/command-line-clients.ts';
import type { KeyKind } from '../fixtures/identity.ts';
import { runningKmsSites, siteName } from '../fixtures/kms-sites.ts';
import { close, listen, next, readAll } from '../fixtures/peers.ts';
import { rejectionOf } from '../signers/rejection.ts';
import { needs } from '../fixtures/needs.ts';

const ecdsaKinds: readonly KeyKind[] = ['P-256', 'P-384', 'P-521'];
const rsaKinds: readonly KeyKind[] = ['RSA-2048', 'RSA-3072', 'RSA-4096'];
const kinds = [...ecdsaKinds, ...rsaKinds];
const protocols: readonly Protocol[] = ['TLSv1.2', 'TLSv1.3'];

/** What is agreed on when a client offers everything. TLS 1.2 ties no hash to a curve, and s2n-tls likes SHA-256 best. */
function usualScheme(kind: KeyKind, protocol: Protocol): string {
  if (kind.startsWith('RSA')) return 'rsa_pss_rsae_sha256';
  if (protocol === 'TLSv1.3' && kind === 'P-384') return 'ecdsa_secp384r1_sha384';
  if (protocol === 'TLSv1.3' && kind === 'P-521') return 'ecdsa_secp521r1_sha512';
  return 'ecdsa_secp256r1_sha256';
}

/** As `openssl s_client` prints it. */
const opensslTypes = { ecdsa: 'ECDSA', 'rsa-pss': 'RSA-PSS', 'rsa-pkcs1': 'RSA', mldsa: '' };

/** As OpenSSL takes it in a list of what to offer. */
function opensslSigalg(scheme: string, protocol: Protocol): string {
  const { algorithm, hash = '' } = facts(scheme);
  if (algorithm === 'ecdsa') return protocol === 'TLSv1.3' ? scheme : `ECDSA+${hash.toUpperCase()}`;
  return `${algorithm === 'rsa-pss' ? 'RSA-PSS' : 'RSA'}+${hash.toUpperCase()}`;
}

function facts(scheme: string): NonNullable<ReturnType<typeof signatureSchemeByName>> {
  const known = signatureSchemeByName(scheme);
  if (known === undefined) throw new Error(`there is no scheme ${scheme}`);
  return known;
}

/** A node:tls client that trusts nothing but the one certificate, and checks the name. */
async function nodeEcho(options: ClientOptions, text: string): Promise<NodeEcho> {
  const { port, name, cert, protocol, sigalgs } = options;
  const versions: ConnectionOptions = { minVersion: protocol, maxVersion: protocol };
  const offer: ConnectionOptions = sigalgs === undefined ? {} : { sigalgs };
  const client = connect({ port, host: '127.0.0.1', servername: name, ca: cert, ...versions, ...offer });
  await once(client, 'secureConnect');
  const { authorized } = client;
  const agreed = client.getProtocol();
  client.end(text);
  return { text: (await readAll(client)).toString(), protocol: agreed, authorized };
}

interface NodeEcho {
  readonly text: string;
  readonly protocol: string | null;
  readonly authorized: boolean;
}

/** What a command-line client printed before it gave up. */
async function refusalOf(echo: Promise<unknown>): Promise<string> {
  const error = await rejectionOf(echo);
  if (!(error instanceof ClientFailure)) throw error;
  return error.output;
}

describe('Handshakes with a key that is in KMS', () => {
  const running = runningKmsSites(...kinds);
  const servers: Server[] = [];
  let message = 0;

  afterEach(async () => {
    for (const server of servers.splice(0)) await close(server);
  });

  /** A server of the site that echoes all it is sent. */
  async function echoServer(
    kind: KeyKind,
  ): Promise<{ server: Server; options: { port: number; cert: string } }> {
    const { cert, signer } = running().site(kind);
    const server = createServer({ cert, signer, allowHalfOpen: true }, (socket) => socket.pipe(socket));
    servers.push(server);
    return { server, options: { port: await listen(server), cert } };
  }

  /** A handshake as the server sees it: what was agreed on, and that KMS was asked exactly once. */
  async function expectHandshake(
    server: Server,
    talk: () => Promise<void>,
    expected: { protocol: Protocol; scheme: string },
  ): Promise<void> {
    await running().kms.resetCounters();
    const secure = next<TlsSocket>(server, 'secureConnection');
    await Promise.race([talk(), failureOf(server)]);
    const socket = await secure;
    expect(socket.getProtocol()).to.equal(expected.protocol);
    expect(socket.signatureScheme).to.equal(expected.scheme);
    expect(socket.servername).to.equal(siteName);
    const { Sign: sign } = await running().kms.counters();
    expect(sign?.outcomes).to.deep.equal({ ok: 1 });
  }

  /** Rejects with the server's reason as soon as a handshake fails: it says more than what the client sees. */
  async function failureOf(server: Server): Promise<never> {
    throw await next<Error>(server, 'tlsClientError');
  }

  function line(): string {
    return `message ${++message}`;
  }

  for (const protocol of protocols) {
    for (const kind of kinds) {
      describe(`${protocol} with ${kind}`, () => {
        const scheme = usualScheme(kind, protocol);

        it(`node:tls client: ${scheme}`, async () => {
          const { server, options } = await echoServer(kind);
          const text = line();
          await expectHandshake(
            server,
            async () => {
              const echo = await nodeEcho({ ...options, name: siteName, protocol }, text);
              expect(echo).to.deep.equal({ text, protocol, authorized: true });
            },
            { protocol, scheme },
          );
        });

        describe('openssl s_client', () => {
          needs('openssl');

          it(scheme, async () => {
            const { server, options } = await echoServer(kind);
            const text = line();
            await expectHandshake(
              server,
              async () => {
                const echo = await opensslEcho({ ...options, name: siteName, protocol }, text);
                expect(echo).to.include({ text, protocol });
                expect(echo.output)
                  .to.match(/^Verification: OK$/m)
                  .and.to.include(`Verified peername: ${siteName}`);
                const { algorithm, hash } = facts(scheme);
                expect(opensslPeerSignature(echo)).to.deep.equal({
                  type: opensslTypes[algorithm],
                  digest: hash?.toUpperCase(),
                });
              },
              { protocol, scheme },
            );
          });
        });

        describe('curl', () => {
          needs('curl');

          it(scheme, async () => {
            const site = running().site(kind);
            const server = attach(
              createHttpsServer((req, res) => {
                req.pipe(res);
              }),
              site,
            );
            servers.push(server);
            const port = await listen(server);
            const text = line();
            await expectHandshake(
              server,
              async () => {
                const echo = await curlEcho({ port, name: siteName, cert: site.cert, protocol }, text);
                expect(echo).to.include({ text, protocol });
              },
              { protocol, scheme },
            );
          });
        });
      });
    }
  }

  const rsaPss = ['rsa_pss_rsae_sha256', 'rsa_pss_rsae_sha384', 'rsa_pss_rsae_sha512'];
  const rsaPkcs1 = ['rsa_pkcs1_sha256', 'rsa_pkcs1_sha384', 'rsa_pkcs1_sha512'];
  // Under TLS 1.2 these names mean the hash alone (RFC 8446 §4.2.3): any of them may come with any curve.
  const ecdsa = ['ecdsa_secp256r1_sha256', 'ecdsa_secp384r1_sha384', 'ecdsa_secp521r1_sha512'];
  const offers: [protocol: Protocol, kinds: readonly KeyKind[], schemes: readonly string[]][] = [
    ['TLSv1.2', ecdsaKinds, ecdsa],
    ['TLSv1.2', rsaKinds, [...rsaPss, ...rsaPkcs1]],
    ['TLSv1.3', rsaKinds, rsaPss],
  ];
  for (const [protocol, kindsOfOffer, schemes] of offers) {
    for (const kind of kindsOfOffer) {
      describe(`${protocol} with ${kind}, when the client offers one signature scheme only`, () => {
        for (const scheme of schemes) {
          const sigalgs = opensslSigalg(scheme, protocol);

          it(`node:tls client: ${sigalgs}`, async () => {
            const { server, options } = await echoServer(kind);
            const text = line();
            await expectHandshake(
              server,
              async () => {
                const echo = await nodeEcho({ ...options, name: siteName, protocol, sigalgs }, text);
                expect(echo).to.deep.equal({ text, protocol, authorized: true });
              },
              { protocol, scheme },
            );
          });
        }

        describe('openssl s_client', () => {
          needs('openssl');
          for (const scheme of schemes) {
            const sigalgs = opensslSigalg(scheme, protocol);
            it(sigalgs, async () => {
              const { server, options } = await echoServer(kind);
              const text = line();
              await expectHandshake(
                server,
                async () => {
                  const echo = await opensslEcho({ ...options, name: siteName, protocol, sigalgs }, text);
                  expect(echo).to.include({ text, protocol });
                  const { algorithm, hash } = facts(scheme);
                  expect(opensslPeerSignature(echo)).to.deep.equal({
                    type: opensslTypes[algorithm],
                    digest: hash?.toUpperCase(),
                  });
                },
                { protocol, scheme },
              );
            });
          }
        });
      });
    }
  }

  describe('are refused by clients that do not trust the server', () => {
    const elsewhere = 'elsewhere.s2n-pkey.test';

    it('node:tls client: another name, another certificate', async () => {
      const { options } = await echoServer('P-256');
      const client = { ...options, protocol: 'TLSv1.3' as const };
      const byName = await rejectionOf(nodeEcho({ ...client, name: elsewhere }, 'x'));
      expect(byName).to.have.property('code', 'ERR_TLS_CERT_ALTNAME_INVALID');
      const { cert } = running().site('P-384');
      const byTrust = await rejectionOf(nodeEcho({ ...client, cert, name: siteName }, 'x'));
      expect(byTrust).to.have.property('code', 'DEPTH_ZERO_SELF_SIGNED_CERT');
    });

    describe('openssl s_client', () => {
      needs('openssl');

      it('another name, another certificate', async () => {
        const { options } = await echoServer('P-256');
        const client = { ...options, protocol: 'TLSv1.3' as const };
        const byName = await refusalOf(opensslEcho({ ...client, name: elsewhere }, 'x'));
        expect(byName).to.include('hostname mismatch');
        const { cert } = running().site('P-384');
        const byTrust = await refusalOf(opensslEcho({ ...client, cert, name: siteName }, 'x'));
        expect(byTrust).to.match(/self.signed certificate/);
      });
    });

    describe('curl', () => {
      needs('curl');

      it('another name, another certificate', async () => {
        const { options } = await echoServer('P-256');
        const client = { ...options, protocol: 'TLSv1.3' as const };
        const byName = await refusalOf(curlEcho({ ...client, name: elsewhere }, 'x'));
        expect(byName).to.match(/no alternative certificate subject name matches/);
        const { cert } = running().site('P-384');
        const byTrust = await refusalOf(curlEcho({ ...client, cert, name: siteName }, 'x'));
        expect(byTrust).to.match(/self.signed certificate/);
      });
    });
  });
});
