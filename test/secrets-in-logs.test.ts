import { connect } from 'node:tls';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { createServer, LocalKeySigner, type Signer } from '../lib/index.ts';
import { prometheusMetrics } from '../lib/observe/prometheus.ts';
import { serveSigner, SocketSigner, type ServedSignature } from '../lib/signers/socket/socket-signer.ts';
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

  it('is in no metric', async () => {
    const metrics = prometheusMetrics();
    const server = createServer({ cert: identity('P-256').cert, signer: failingSigner() });
    const port = await listen(server);
    const failed = once(server, 'tlsClientError');
    connect({ port, host: '127.0.0.1', rejectUnauthorized: false }).on('error', () => undefined);
    await failed;
    const text = metrics.text();
    expect(text).to.include('ERR_S2N_PKEY_SIGNER');
    for (const each of disguises) expect(text).not.to.include(each);
    metrics.close();
    await close(server);
  });
});
