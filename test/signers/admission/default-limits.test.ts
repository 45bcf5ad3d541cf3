import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { connect, type TLSSocket } from 'node:tls';
import { credentials } from '@grpc/grpc-js';
import { expect } from 'chai';
import { TimedSigner } from '../../../lib/cli/demo/timed-signer.ts';
import {
  createSelfSignedCertificate,
  createServer,
  InvalidOptionError,
  LocalKeySigner,
  SignatureAdmission,
  SignaturesLimitedError,
  type Signer,
  type TlsServerOptions,
} from '../../../lib/index.ts';
import { AzureSigner } from '../../../lib/signers/azure/azure-signer.ts';
import { GoogleSigner } from '../../../lib/signers/google/google-signer.ts';
import { serveSigner, SocketSigner } from '../../../lib/signers/socket/socket-signer.ts';
import { VaultSigner } from '../../../lib/signers/vault/vault-signer.ts';
import { identity } from '../../fixtures/identity.ts';
import { close, connectTls, listen } from '../../fixtures/peers.ts';
import { when } from '../../fixtures/when.ts';
import { KeyVault } from '../azure/key-vault.ts';
import { CloudKms, versionOf } from '../google/cloud-kms.ts';
import { makeKeyPair, privateKeyPem } from '../key-pairs.ts';

/** What stands before a backend's answers, so that a test decides how many signatures are under way. */
class Gate {
  readonly #held: (() => void)[] = [];
  #holds = false;

  get held(): number {
    return this.#held.length;
  }

  hold(): void {
    this.#holds = true;
  }

  async pass(): Promise<void> {
    if (this.#holds) await new Promise<void>((resolve) => this.#held.push(resolve));
  }

  releaseNewest(): void {
    this.#held.pop()?.();
  }

  releaseAll(): void {
    this.#holds = false;
    for (const release of this.#held.splice(0)) release();
  }

  async holding(count: number): Promise<void> {
    await when(
      `${count} signatures to be held`,
      () => this.held,
      (held) => held >= count,
    );
  }
}

interface Opened {
  readonly signer: Signer;
  close(): unknown;
}

/** A key of its own, so that no other signer of this process shares its limits. */
function newSigner(): LocalKeySigner {
  return new LocalKeySigner({ key: privateKeyPem(makeKeyPair('P-256')) });
}

/** As docs/writing-a-signer.md has it: it names no quota. */
function ownSigner(gate: Gate): Signer {
  const local = newSigner();
  const { publicKey, schemes } = local;
  return {
    publicKey,
    schemes,
    async sign(operation) {
      await gate.pass();
      return await local.sign(operation);
    },
  };
}

async function openVault(gate: Gate): Promise<Opened> {
  const local = newSigner();
  const pem = local.publicKey.export({ format: 'pem', type: 'spki' }).toString();
  const server = createHttpServer((request, response) => {
    const answer = async (): Promise<object> => {
      if (request.method === 'GET')
        return { type: 'ecdsa-p256', latest_version: 1, keys: { 1: { public_key: pem } } };
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk as Buffer);
      const { input } = JSON.parse(Buffer.concat(chunks).toString()) as { input: string };
      await gate.pass();
      const digest = Buffer.from(input, 'base64');
      const scheme = local.schemes.find((each) => each.endsWith(String(digest.length * 8)));
      const signature = await local.sign({
        scheme: scheme ?? 'ecdsa_secp256r1_sha256',
        input: digest,
        inputKind: 'digest',
      });
      return { signature: `vault:v1:${Buffer.from(signature).toString('base64')}` };
    };
    void answer().then((data) => response.end(JSON.stringify({ data })));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const signer = await VaultSigner.open({
    ...{ key: 'site', address: `http://127.0.0.1:${port}`, token: 't', renewToken: false, timeout: 60_000 },
  });
  return {
    signer,
    close: () => {
      signer.close();
      server.closeAllConnections();
      server.close();
    },
  };
}

async function openGoogle(gate: Gate): Promise<Opened> {
  process.env['METADATA_SERVER_DETECTION'] = 'none';
  const kms = await CloudKms.start();
  kms.misbehave = (method) => (method === 'asymmetricSign' ? gate.pass() : undefined);
  const signer = await GoogleSigner.open({
    keyVersion: versionOf('EC_SIGN_P256_SHA256'),
    timeout: 60_000,
    clientOptions: { apiEndpoint: '127.0.0.1', port: kms.port, sslCreds: credentials.createInsecure() },
  });
  return {
    signer,
    close: () => {
      delete process.env['METADATA_SERVER_DETECTION'];
      signer.close();
      kms.stop();
    },
  };
}

async function openSocket(gate: Gate): Promise<Opened> {
  const folder = await mkdtemp(join(tmpdir(), 's2n-limits-'));
  const path = join(folder, 's');
  const server = await serveSigner({ signer: ownSigner(gate), path });
  const signer = await SocketSigner.open({ path, timeout: 60_000 });
  return {
    signer,
    close: async () => {
      signer.close();
      await server.close(0);
      await rm(folder, { recursive: true });
    },
  };
}

const kinds: Record<string, (gate: Gate) => Opened | Promise<Opened>> = {
  'a signer of your own': (gate) => ({ signer: ownSigner(gate), close: () => undefined }),
  'a signer that wraps another': (gate) => ({
    signer: new TimedSigner(ownSigner(gate)),
    close: () => undefined,
  }),
  VaultSigner: openVault,
  'a signer that wraps a VaultSigner': async (gate) => {
    const vault = await openVault(gate);
    return { signer: new TimedSigner(vault.signer), close: () => vault.close() };
  },
  GoogleSigner: openGoogle,
  SocketSigner: openSocket,
};

/** 'served' once the handshake is done, or the code of what the client is told. */
function outcomeOf(port: number, localAddress: string): { socket: TLSSocket; outcome: Promise<string> } {
  const tcp = { port, host: '127.0.0.1', localAddress };
  // In TLS 1.2 a client knows that its handshake is done only when the server does.
  const socket = connect({ ...tcp, rejectUnauthorized: false, maxVersion: 'TLSv1.2' });
  const outcome = new Promise<string>((resolve) => {
    socket.once('secureConnect', () => resolve('served'));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
  });
  return { socket, outcome };
}

async function certificateOf(signer: Signer): Promise<string> {
  return await createSelfSignedCertificate({ signer, subject: { CN: 'localhost' } });
}

describe('default signatureLimits', function () {
  this.timeout(120_000);

  for (const [kind, open] of Object.entries(kinds)) {
    it(`end a flood before ${kind}, while other networks are served`, async () => {
      const gate = new Gate();
      const opened = await open(gate);
      const failures: Error[] = [];
      // The process behind a socket holds back half of its own for others.
      const most = kind === 'SocketSigner' ? 64 : 128;
      const server = createServer({ cert: await certificateOf(opened.signer), signer: opened.signer });
      server.on('tlsClientError', (error: Error) => failures.push(error));
      const port = await listen(server);
      gate.hold();
      const flood = Array.from({ length: 200 }, () => outcomeOf(port, '127.0.0.2'));
      try {
        await gate.holding(most); // Half of what may be under way.
        const other = outcomeOf(port, '127.0.0.3');
        await gate.holding(most + 1);
        gate.releaseNewest();
        expect(await other.outcome).to.equal('served');
        other.socket.destroy();
        await when(
          'the others to be refused',
          () => failures.length,
          (count) => count >= 200 - most,
        );
        expect(gate.held).to.equal(most);
        expect(failures.filter((error) => error instanceof SignaturesLimitedError)).to.have.lengthOf(
          200 - most,
        );
        gate.releaseAll();
        const outcomes = await Promise.all(flood.map(({ outcome }) => outcome));
        expect(outcomes.filter((outcome) => outcome === 'served')).to.have.lengthOf(most);
      } finally {
        gate.releaseAll();
        for (const { socket } of flood) socket.destroy();
        await close(server);
        await opened.close();
      }
    });
  }

  it('follow the quota of an AzureSigner, also through a signer that wraps it', async () => {
    const vault = await KeyVault.start();
    vault.suffix = '-HSM';
    const signer = await AzureSigner.open({
      keyId: vault.keyId('RSA-4096'),
      timeout: 60_000,
      credential: {
        getToken: () => Promise.resolve({ token: 'a-token', expiresOnTimestamp: Date.now() + 3_600_000 }),
      },
      clientOptions: {
        disableChallengeResourceVerification: true,
        tlsOptions: { ca: vault.authority },
      },
    });
    expect(signer.quota.perSecond).to.equal(25);
    const wrapper = new TimedSigner(signer);
    const admission = SignatureAdmission.of(wrapper);
    expect(admission?.limits).to.deep.include({ perSecond: 20, burst: 5, inFlight: 256 });
    expect(SignatureAdmission.of(signer)).to.equal(admission);
    const failures: Error[] = [];
    const server = createServer({ cert: await certificateOf(signer), signer: wrapper });
    server.on('tlsClientError', (error: Error) => failures.push(error));
    const port = await listen(server);
    const flood = Array.from({ length: 60 }, () => outcomeOf(port, '127.0.0.2'));
    const [first] = flood;
    expect(await first?.outcome).to.be.a('string');
    const other = outcomeOf(port, '127.0.0.3');
    expect(await other.outcome).to.equal('served');
    await Promise.all(flood.map(({ outcome }) => outcome));
    await when(
      'a refusal',
      () => failures.length,
      (count) => count > 0,
    ); // The clients may learn of it first.
    const refusals = failures.filter((error) => error instanceof SignaturesLimitedError);
    expect(refusals).to.deep.equal(failures).and.not.to.be.empty;
    expect(new Set(refusals.map(({ addressPrefix }) => addressPrefix))).to.deep.equal(new Set(['127.0.0.2']));
    for (const { socket } of [...flood, other]) socket.destroy();
    await close(server);
    signer.close();
    await vault.stop();
  });

  it('are one for all signers of a key, and another for each other key', () => {
    const gate = new Gate();
    const signer = ownSigner(gate);
    const admission = SignatureAdmission.of(signer);
    expect(admission?.limits).to.deep.include({ perSecond: 800, inFlight: 256 });
    expect(SignatureAdmission.of(new TimedSigner(signer))).to.equal(admission);
    expect(SignatureAdmission.of(new TimedSigner(new TimedSigner(signer)))).to.equal(admission);
    expect(SignatureAdmission.of(ownSigner(gate))).not.to.equal(admission);
  });

  it('leave a LocalKeySigner alone', async () => {
    const signer = newSigner();
    expect(SignatureAdmission.of(signer)).to.equal(undefined);
    const server = createServer({ cert: await certificateOf(signer), signer });
    (await connectTls(await listen(server))).destroy();
    await close(server);
  });

  it('are what limits leave open that were given in part', async () => {
    const local = newSigner();
    const { publicKey, schemes } = local;
    const quota = { perSecond: 2, inFlight: 4 };
    const signer: Signer = { publicKey, schemes, quota, sign: (operation) => local.sign(operation) };
    const server = createServer({ cert: await certificateOf(local), signer, signatureLimits: { queue: 0 } });
    const failures: Error[] = [];
    server.on('tlsClientError', (error: Error) => failures.push(error));
    const port = await listen(server);
    const clients = Array.from({ length: 10 }, () => outcomeOf(port, '127.0.0.2'));
    const outcomes = await Promise.all(clients.map(({ outcome }) => outcome));
    expect(outcomes).to.include('served');
    // The clients may learn of it first.
    const [refused] = await when(
      'a refusal',
      () => failures,
      (all) => all.length > 0,
    );
    expect(refused).to.be.instanceOf(SignaturesLimitedError);
    for (const { socket } of clients) socket.destroy();
    await close(server);
  });

  it('refuse a quota that means nothing, by name', () => {
    const { key, cert } = identity('P-256');
    const { publicKey, schemes } = new LocalKeySigner({ key });
    const wrong: [unknown, string][] = [
      [1000, 'signer.quota'],
      [null, 'signer.quota'],
      [{ inFlight: 1 }, 'signer.quota.perSecond'],
      [{ perSecond: 0, inFlight: 1 }, 'signer.quota.perSecond'],
      [{ perSecond: Number.NaN, inFlight: 1 }, 'signer.quota.perSecond'],
      [{ perSecond: 10, inFlight: 0.5 }, 'signer.quota.inFlight'],
      [{ perSecond: 10 }, 'signer.quota.inFlight'],
      [{ perSecond: 10, inFlight: 1, perProcess: 'yes' }, 'signer.quota.perProcess'],
    ];
    for (const [quota, option] of wrong) {
      const signer = { publicKey, schemes, quota, sign: () => Promise.reject(new Error('not asked')) };
      expect(() => createServer({ cert, signer } as unknown as TlsServerOptions), option)
        .to.throw(InvalidOptionError)
        .with.property('option', option);
    }
  });
});
