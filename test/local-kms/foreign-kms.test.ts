import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { connect, type ConnectionOptions } from 'node:tls';
import {
  CreateKeyCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  EnableKeyCommand,
  GetPublicKeyCommand,
  KMSClient,
  SignCommand,
  VerifyCommand,
  type KeySpec,
  type SigningAlgorithmSpec,
} from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { createSelfSignedCertificate, createServer, KmsSigner } from '../../lib/index.ts';
import { startLocalKms, type LocalKms } from '../../lib/local-kms/start.ts';
import { freePort } from '../fixtures/free-port.ts';
import { foreignKmsCommand, needs } from '../fixtures/needs.ts';
import { when } from '../fixtures/when.ts';

const credentials = { accessKeyId: 'LOCAL', secretAccessKey: 'local-only' };

/** What one call came to: `ok`, or the name of the error. */
async function outcomeOf(call: Promise<object>): Promise<string> {
  try {
    await call;
    return 'ok';
  } catch (error) {
    return error instanceof Error ? error.name : String(error);
  }
}

describe('nsmithuk/local-kms, a KMS that others wrote', () => {
  needs('local-kms');
  let folder: string;
  let child: ChildProcess;
  let clientOptions: { endpoint: string; region: string; credentials: typeof credentials };
  let foreign: KMSClient;
  let ours: LocalKms;
  let own: KMSClient;

  before(async function () {
    this.timeout(60_000);
    folder = mkdtempSync(join(tmpdir(), 's2n-pkey-foreign-'));
    const port = await freePort();
    child = spawn(foreignKmsCommand, [], {
      env: { ...process.env, PORT: String(port), KMS_DATA_PATH: folder },
      stdio: 'ignore',
    });
    clientOptions = { endpoint: `http://127.0.0.1:${port}`, region: 'eu-west-2', credentials };
    foreign = new KMSClient(clientOptions);
    const answers = (): Promise<boolean> =>
      fetch(clientOptions.endpoint).then(
        () => true,
        () => false,
      );
    await when('local-kms answers', answers, (isThere) => isThere, 30_000);
    ours = await startLocalKms();
    own = new KMSClient(ours.clientOptions);
  });
  after(async () => {
    foreign.destroy();
    own.destroy();
    await ours.close();
    const closed = once(child, 'close');
    child.kill('SIGKILL');
    await closed;
    rmSync(folder, { recursive: true });
  });

  async function createKey(client: KMSClient, KeySpec: KeySpec): Promise<string> {
    const { KeyMetadata } = await client.send(new CreateKeyCommand({ KeySpec, KeyUsage: 'SIGN_VERIFY' }));
    return KeyMetadata?.KeyId ?? '';
  }

  async function serve(spec: KeySpec, client: ConnectionOptions): Promise<string> {
    const signer = await KmsSigner.open({ keyId: await createKey(foreign, spec), ...clientOptions });
    const cert = await createSelfSignedCertificate({
      signer,
      subject: { CN: 'localhost' },
      altNames: { dns: ['localhost'] },
    });
    const server = createServer({ cert, signer }, (socket) => {
      socket.end(`${socket.getProtocol() ?? ''} ${socket.signatureScheme ?? ''}`);
    }).listen(0, '127.0.0.1');
    await once(server, 'listening');
    let failure = '';
    server.on('tlsClientError', (error: Error) => {
      failure = 'code' in error ? String(error.code) : error.message;
    });
    try {
      const { port } = server.address() as AddressInfo;
      return await text(connect({ host: '127.0.0.1', port, ca: cert, servername: 'localhost', ...client }));
    } catch {
      return await when('the server reports the failure', () => failure, Boolean);
    } finally {
      server.close();
      signer.close();
    }
  }

  it('serves TLS 1.3 and 1.2 with its P-256 key', async () => {
    expect(await serve('ECC_NIST_P256', {})).to.equal('TLSv1.3 ecdsa_secp256r1_sha256');
    expect(await serve('ECC_NIST_P256', { maxVersion: 'TLSv1.2' })).to.match(/^TLSv1\.2 ecdsa_/);
  }).timeout(30_000);

  it('serves TLS 1.2 with PKCS#1 signatures of its RSA key', async () => {
    const client = { maxVersion: 'TLSv1.2', sigalgs: 'RSA+SHA256' } as const;
    expect(await serve('RSA_2048', client)).to.equal('TLSv1.2 rsa_pkcs1_sha256');
  }).timeout(30_000);

  it('fails handshakes with PSS, because its salt is too long, and the signature is not sent', async () => {
    expect(await serve('RSA_2048', {})).to.equal('ERR_S2N_PKEY_SIGNATURE_INVALID');
  }).timeout(30_000);

  const digest = Buffer.alloc(32, 1);
  const sign = (
    KeyId: string,
    Message: Buffer,
    more: { MessageType?: 'RAW' | 'DIGEST'; SigningAlgorithm?: SigningAlgorithmSpec; DryRun?: boolean } = {},
  ): SignCommand =>
    new SignCommand({ KeyId, Message, MessageType: 'DIGEST', SigningAlgorithm: 'ECDSA_SHA_256', ...more });
  const unknown = '00000000-0000-4000-8000-000000000000';
  const calls: Readonly<Record<string, (client: KMSClient, key: string) => Promise<object>>> = {
    'Sign of a digest': (client, key) => client.send(sign(key, digest)),
    'Sign of a short digest': (client, key) => client.send(sign(key, digest.subarray(1))),
    'Sign of 4,097 raw bytes': (client, key) =>
      client.send(sign(key, Buffer.alloc(4097), { MessageType: 'RAW' })),
    "Sign with another key's algorithm": (client, key) =>
      client.send(sign(key, digest, { SigningAlgorithm: 'RSASSA_PKCS1_V1_5_SHA_256' })),
    'Sign with an unknown key': (client) => client.send(sign(unknown, digest)),
    'Sign with an unknown alias': (client) => client.send(sign('alias/none', digest)),
    'GetPublicKey of an unknown key': (client) => client.send(new GetPublicKeyCommand({ KeyId: unknown })),
    'DescribeKey of an unknown key': (client) => client.send(new DescribeKeyCommand({ KeyId: unknown })),
    'Verify of a wrong signature': async (client, key) => {
      const { Signature } = await client.send(sign(key, digest));
      const of = { KeyId: key, MessageType: 'DIGEST', SigningAlgorithm: 'ECDSA_SHA_256', Signature } as const;
      return client.send(new VerifyCommand({ ...of, Message: Buffer.alloc(32, 2) }));
    },
    'Sign with a disabled key': async (client, key) => {
      await client.send(new DisableKeyCommand({ KeyId: key }));
      try {
        return await client.send(sign(key, digest));
      } finally {
        await client.send(new EnableKeyCommand({ KeyId: key }));
      }
    },
  };

  it('agrees with our local KMS, call by call', async () => {
    const keys = [await createKey(foreign, 'ECC_NIST_P256'), await createKey(own, 'ECC_NIST_P256')] as const;
    const seen: Record<string, string> = {};
    for (const [name, call] of Object.entries(calls)) {
      const theirs = await outcomeOf(call(foreign, keys[0]));
      const mine = await outcomeOf(call(own, keys[1]));
      seen[name] = theirs === mine ? mine : `${theirs} there, ${mine} here`;
    }
    expect(seen).to.deep.equal({
      'Sign of a digest': 'ok',
      'Sign of a short digest': 'ValidationException',
      'Sign of 4,097 raw bytes': 'ValidationException',
      "Sign with another key's algorithm": 'InvalidKeyUsageException',
      'Sign with an unknown key': 'NotFoundException',
      'Sign with an unknown alias': 'NotFoundException',
      'GetPublicKey of an unknown key': 'NotFoundException',
      'DescribeKey of an unknown key': 'NotFoundException',
      'Verify of a wrong signature': 'KMSInvalidSignatureException',
      'Sign with a disabled key': 'DisabledException',
    });
  }).timeout(30_000);

  it('signs a DryRun, which ours answers as AWS documents it', async () => {
    const key = await createKey(foreign, 'ECC_NIST_P256');
    expect(await outcomeOf(foreign.send(sign(key, digest, { DryRun: true })))).to.equal('ok');
    const mine = await createKey(own, 'ECC_NIST_P256');
    expect(await outcomeOf(own.send(sign(mine, digest, { DryRun: true })))).to.equal(
      'DryRunOperationException',
    );
  }).timeout(30_000);

  it('names a key by the same fields', async () => {
    const fields = async (client: KMSClient): Promise<unknown> => {
      const KeyId = await createKey(client, 'ECC_NIST_P256');
      const {
        KeySpec,
        KeyUsage,
        SigningAlgorithms,
        KeyId: arn,
      } = await client.send(new GetPublicKeyCommand({ KeyId }));
      return { KeySpec, KeyUsage, SigningAlgorithms, isArn: arn?.startsWith('arn:aws:kms:') };
    };
    expect(await fields(own)).to.deep.equal(await fields(foreign));
  }).timeout(30_000);
});
