import { once } from 'node:events';
import { createSecureServer } from 'node:http2';
import { createServer as createHttpsServer } from 'node:https';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { KMSClient } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import {
  attach,
  CertificateWatch,
  createKey,
  createServer,
  KmsSigner,
  LocalKeySigner,
  ReplicatedSigner,
  watchCertificate,
  type PrivateKeyOperation,
} from '../../lib/index.ts';
import { startLocalKms, type LocalKms } from '../../lib/local-kms/start.ts';
import { handshakeEndChannel } from '../../lib/observe/channels/channels.ts';
import { observeWithOpenTelemetry } from '../../lib/observe/opentelemetry.ts';
import { ClusterMetrics } from '../../lib/observe/cluster-metrics.ts';
import { PrometheusMetrics } from '../../lib/observe/prometheus.ts';
import { AzureSigner } from '../../lib/signers/azure/azure-signer.ts';
import { GoogleSigner } from '../../lib/signers/google/google-signer.ts';
import { Pkcs11Signer } from '../../lib/signers/pkcs11/pkcs11-signer.ts';
import { serveSigner, SocketSigner } from '../../lib/signers/socket/socket-signer.ts';
import { VaultSigner } from '../../lib/signers/vault/vault-signer.ts';
import { identity } from '../fixtures/identity.ts';

const operation: PrivateKeyOperation = {
  scheme: 'ecdsa_secp256r1_sha256',
  input: Buffer.alloc(32, 1),
  inputKind: 'digest',
};

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => 'resolved',
    (error: unknown) => (error as { code?: unknown }).code,
  );
}

/** Whether a process is there. */
function isAlive({ pid }: LocalKms): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describe('using and await using', () => {
  const { key, cert } = identity('P-256');
  let folder = '';
  before(async () => (folder = await mkdtemp('/tmp/disposal-')));
  after(() => rm(folder, { recursive: true }));

  for (const closed of [
    ...[AzureSigner, GoogleSigner, KmsSigner, Pkcs11Signer, ReplicatedSigner, SocketSigner, VaultSigner],
    ...[CertificateWatch, ClusterMetrics, PrometheusMetrics],
  ]) {
    it(`close a ${closed.name} at the end of the block`, () => {
      let count = 0;
      const instance = Object.create(closed.prototype, {
        close: { value: () => (count += 1) },
      }) as Disposable;
      {
        using resource = instance;
        expect(resource).to.equal(instance);
        expect(count).to.equal(0);
      }
      expect(count).to.equal(1);
    });
  }

  it('end an observation by OpenTelemetry', () => {
    expect(handshakeEndChannel.hasSubscribers).to.equal(false);
    {
      using observation = observeWithOpenTelemetry();
      expect(observation).to.have.property('close');
      expect(handshakeEndChannel.hasSubscribers).to.equal(true);
    }
    expect(handshakeEndChannel.hasSubscribers).to.equal(false);
  });

  it('end a local KMS, with its process and its keys, and a signer of a key in it', async () => {
    let kms: LocalKms;
    let signer: KmsSigner;
    {
      await using started = await startLocalKms();
      kms = started;
      const client = new KMSClient(kms.clientOptions);
      const { arn } = await createKey(client, { keySpec: 'ECC_NIST_P256' });
      {
        using opened = await KmsSigner.open({ keyId: arn, client });
        signer = opened;
        expect(await signer.sign(operation)).to.be.instanceOf(Uint8Array);
      }
      expect(await codeOf(signer.sign(operation))).to.equal('ERR_S2N_PKEY_SIGNER_CLOSED');
      client.destroy();
      expect(isAlive(kms)).to.equal(true);
    }
    expect(isAlive(kms)).to.equal(false);
    expect(existsSync(kms.dataDirectory)).to.equal(false);
  });

  it('end a served signer, with its socket, after the signers that use it', async () => {
    const path = join(folder, 'signer.sock');
    {
      await using server = await serveSigner({ signer: new LocalKeySigner({ key }), path });
      using signer = await SocketSigner.open({ path });
      expect(await signer.sign(operation)).to.be.instanceOf(Uint8Array);
      expect(server.connections).to.equal(1);
    }
    expect(existsSync(path)).to.equal(false);
  });

  it('end a watch, and a server', async () => {
    const file = join(folder, 'cert.pem');
    await writeFile(file, cert);
    const signer = new LocalKeySigner({ key });
    const events: string[] = [];
    {
      await using server = createServer({ cert, signer }).listen(0);
      server.once('close', () => events.push('the server'));
      using watch = await watchCertificate(server, { cert: file, signer });
      watch.once('close', () => events.push('the watch'));
    }
    expect(events).to.deep.equal(['the watch', 'the server']);
  });

  it('end attached servers of https and http2', async () => {
    const secured = { cert, signer: new LocalKeySigner({ key }) };
    for (const create of [() => createHttpsServer(), () => createSecureServer()]) {
      let closed = false;
      {
        await using server = attach(create(), secured).listen(0);
        await once(server, 'listening');
        server.once('close', () => (closed = true));
      }
      expect(closed).to.equal(true);
    }
  });
});
