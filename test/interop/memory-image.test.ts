import { X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { isKeyRecord } from '../../lib/local-kms/store/key-record.ts';
import type { KeyKind } from '../fixtures/identity.ts';
import { runningKmsSites, siteName } from '../fixtures/kms-sites.ts';
import { searchMemory } from '../fixtures/memory-image.ts';
import { connectTls, readAll } from '../fixtures/peers.ts';
import { privateKeyNeedles } from '../fixtures/private-key-needles.ts';
import { runProgram, type Program } from '../fixtures/program.ts';

describe('The memory of a server whose key is in KMS', function () {
  this.timeout(60_000);
  const kinds: readonly KeyKind[] = ['P-256', 'P-384', 'RSA-2048'];
  const running = runningKmsSites(...kinds);
  const programs: Program[] = [];
  const folder = mkdtempSync(join(tmpdir(), 's2n-pkey-memory-'));

  afterEach(async () => {
    for (const program of programs.splice(0)) await program.stop();
  });
  after(() => rmSync(folder, { recursive: true }));

  interface KeylessServer {
    readonly pid: number;
    readonly port: number;
    /** What it keeps in its memory, so that it may be found there. */
    readonly needle: Buffer;
  }

  /** In a process of its own, given no more than a certificate and leave to have KMS sign. */
  async function startServer(kind: KeyKind): Promise<KeylessServer> {
    const { kms, site } = running();
    const { cert, signer } = site(kind);
    const certificate = join(folder, `${kind}.pem`);
    writeFileSync(certificate, cert);
    const file = new URL('../fixtures/keyless-server.ts', import.meta.url);
    const server = runProgram(file, [certificate, signer.keyArn, kms.endpoint], {
      AWS_REGION: kms.region,
      AWS_ACCESS_KEY_ID: kms.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: kms.credentials.secretAccessKey,
    });
    programs.push(server);
    const { port, needle } = (await server.nextLine()) as { port: number; needle: string };
    return { pid: server.pid, port, needle: Buffer.from(needle, 'hex') };
  }

  /** Handshakes of both protocols: TLS 1.2 and 1.3 ask for different signatures. */
  async function shakeHands(port: number, cert: string, times: number): Promise<void> {
    for (let n = 0; n < times; n++) {
      for (const protocol of ['TLSv1.2', 'TLSv1.3'] as const) {
        const versions = { minVersion: protocol, maxVersion: protocol };
        const trust = { ca: cert, servername: siteName, rejectUnauthorized: true };
        const client = await connectTls(port, { ...trust, ...versions });
        expect((await readAll(client)).toString()).to.equal('hello');
      }
    }
  }

  /** The private key as the local KMS keeps it on disk, where the server never looks. */
  function privateKeyOf(kind: KeyKind): string {
    const { kms, site } = running();
    const keyId = site(kind).signer.keyArn.split('/').at(-1) ?? '';
    const record: unknown = JSON.parse(
      readFileSync(join(kms.dataDirectory, 'keys', `${keyId}.json`), 'utf8'),
    );
    if (!isKeyRecord(record) || record.material?.type !== 'pkcs8') throw new Error(`${keyId} is no key pair`);
    return record.material.pem;
  }

  for (const kind of kinds) {
    it(`does not hold the ${kind} key it serves with, in any form; the local KMS's does`, async () => {
      const { kms, site } = running();
      const { cert } = site(kind);
      const needles = privateKeyNeedles(privateKeyOf(kind));
      const publicKey = new X509Certificate(cert).publicKey.export({ format: 'der', type: 'spki' });
      const { pid, port, needle } = await startServer(kind);
      await kms.resetCounters();
      await shakeHands(port, cert, 10);
      expect((await kms.counters())['Sign']?.outcomes).to.deep.equal({ ok: 20 });

      // What must be there shows that the search would have found what must not.
      const known = new Map([
        ['a needle of its own', needle],
        ['the public key', publicKey],
      ]);
      const server = searchMemory(pid, new Map([...known, ...needles]));
      expect([...server.found]).to.have.members([...known.keys()]);

      // And that the forms are those in which a process has a key that it signs with: numbers, and the PEM of its file.
      const { found } = searchMemory(kms.pid, needles);
      const numbers = kind.startsWith('RSA')
        ? ['p, little-endian', 'q, little-endian']
        : ['d, little-endian'];
      const lines = [...needles.keys()].filter((name) => name.startsWith('PEM, line'));
      expect([...found]).to.include.members([...numbers, ...lines]);

      await shakeHands(port, cert, 1); // The server served all along.
    });
  }
});
