import { X509Certificate } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import { connect } from 'node:tls';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KMSClient } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import {
  createKey,
  createSelfSignedCertificate,
  createServer,
  KmsSigner,
  LocalKeySigner,
  type Signer,
} from '../lib/index.ts';
import { startLocalKms } from '../lib/local-kms/start.ts';
import { logTo } from '../lib/observe/log/log.ts';
import { prometheusMetrics } from '../lib/observe/prometheus.ts';
import { serveSigner, SocketSigner, type ServedSignature } from '../lib/signers/socket/socket-signer.ts';
import { VaultSigner } from '../lib/signers/vault/vault-signer.ts';
import { everythingSeen } from './fixtures/everything-seen.ts';
import { identity } from './fixtures/identity.ts';
import { close, listen } from './fixtures/peers.ts';
import { when } from './fixtures/when.ts';
import { rejectionOf } from './signers/rejection.ts';

/** 32 bytes, as long as a digest. */
const canary = 'Kanarienvogel7-Kanarienvogel7-32';
const disguises = [
  canary,
  Buffer.from(canary).toString('base64').slice(0, 20),
  Buffer.from(canary).toString('hex').slice(0, 20),
];

/** Fails with a secret in its message, as a service's client may. */
function failingSigner(): Signer {
  const { publicKey, schemes } = new LocalKeySigner({ key: identity('P-256').key });
  return { publicKey, schemes, sign: () => Promise.reject(new Error(`token ${canary} was refused`)) };
}

describe('a secret among the options of a signer', () => {
  it('of KMS is in no error, metric or report', async () => {
    const credentials = { accessKeyId: 'AKIDCANARY', secretAccessKey: canary, sessionToken: `${canary}t` };
    const kms = await startLocalKms({ credentials });
    try {
      const client = new KMSClient(kms.clientOptions);
      const { arn } = await createKey(client, { keySpec: 'ECC_NIST_P256' });
      client.destroy();
      const signer = await KmsSigner.open({ keyId: arn, ...kms.clientOptions });
      const cert = await createSelfSignedCertificate({ signer, subject: { CN: 'localhost' } });
      await kms.misbehave({ kind: 'expired-credentials' });
      const text = await everythingSeen(signer, cert);
      expect(text).to.include('ERR_S2N_PKEY_KMS_CREDENTIALS');
      for (const each of disguises) expect(text).not.to.include(each);
      signer.close();
    } finally {
      await kms.close();
    }
  }).timeout(60_000);

  it('of Vault is in no error, metric or report', async () => {
    const { cert } = identity('P-256');
    const publicKey = new X509Certificate(cert).publicKey.export({ format: 'pem', type: 'spki' });
    const key = { type: 'ecdsa-p256', latest_version: 1, keys: { 1: { public_key: publicKey } } };
    const vault = createHttpServer((request, response) => {
      const signs = request.url?.includes('/sign/') === true;
      response.writeHead(signs ? 403 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify(signs ? { errors: ['permission denied'] } : { data: key }));
    });
    const address = `http://127.0.0.1:${await listen(vault)}`;
    const signer = await VaultSigner.open({ address, token: canary, namespace: 'team', key: 'site' });
    const text = await everythingSeen(signer, cert);
    expect(text).to.include('ERR_S2N_PKEY_VAULT_');
    for (const each of disguises) expect(text).not.to.include(each);
    signer.close();
    await close(vault);
  }).timeout(60_000);
});

describe('a secret in the message of a signer, or in what is signed', () => {
  it('is in no report of serveSigner', async () => {
    const folder = await mkdtemp(join(tmpdir(), 's2n-secrets-'));
    const path = join(folder, 's');
    const reports: ServedSignature[] = [];
    const server = await serveSigner({
      signer: failingSigner(),
      path,
      onSignature: (signature) => reports.push(signature),
    });
    const client = await SocketSigner.open({ path, timeout: 20_000 });
    const input = Buffer.from(canary);
    await rejectionOf(client.sign({ scheme: 'ecdsa_secp256r1_sha256', input, inputKind: 'digest' }));
    await when(
      'a report',
      () => reports.length,
      (count) => count === 1,
    );
    const text = JSON.stringify(reports);
    expect(text).to.include('ERR_S2N_PKEY_SIGNER');
    for (const each of disguises) expect(text).not.to.include(each);
    client.close();
    await server.close();
    await rm(folder, { recursive: true });
  });

  it('is in no metric and no line of the log', async () => {
    const metrics = prometheusMetrics();
    const log: unknown[] = [];
    const write = (...line: unknown[]): void => void log.push(line);
    using logging = logTo({ debug: write, info: write, warn: write, error: write });
    expect(logging).to.have.property('close');
    const server = createServer({ cert: identity('P-256').cert, signer: failingSigner() });
    const port = await listen(server);
    const failed = once(server, 'tlsClientError');
    connect({ port, host: '127.0.0.1', rejectUnauthorized: false }).on('error', () => undefined);
    await failed;
    expect(log).to.have.length.above(1);
    const text = metrics.text() + JSON.stringify(log);
    expect(text).to.include('ERR_S2N_PKEY_SIGNER');
    for (const each of disguises) expect(text).not.to.include(each);
    metrics.close();
    await close(server);
  });
});
