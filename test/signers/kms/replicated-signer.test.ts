import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CreateKeyCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  EnableKeyCommand,
} from '@aws-sdk/client-kms';
import { expect } from 'chai';
import {
  createSelfSignedCertificate,
  createServer,
  InvalidOptionError,
  KeyMismatchError,
  openReplicas,
  type KmsSignerOptions,
  type ReplicasOptions,
  type ReplicatedSigner,
} from '../../../lib/index.ts';
import { startLocalKms, type LocalKms, type LocalKmsOptions } from '../../../lib/local-kms/start.ts';
import { close, connectTls, listen } from '../../fixtures/peers.ts';
import { createKey, defined, sdkClient } from '../../local-kms/running-kms.ts';
import { rejectionOf } from '../rejection.ts';
import { withoutAwsConfiguration } from './aws-environment.ts';
import { when } from '../../fixtures/when.ts';

const operation = {
  scheme: 'ecdsa_secp256r1_sha256',
  input: createHash('sha256').update('a handshake').digest(),
  inputKind: 'digest',
} as const;

describe('openReplicas', function () {
  this.timeout(60_000);
  withoutAwsConfiguration();
  let folder: string;
  let east: LocalKms;
  let west: LocalKms;
  let eastOptions: LocalKmsOptions;
  let keyId: string;
  const opened: ReplicatedSigner[] = [];

  /** The key as it is in one Region. */
  function at(kms: LocalKms, id = keyId): KmsSignerOptions {
    return { keyId: id, ...kms.clientOptions };
  }

  async function open(options: Partial<ReplicasOptions> = {}): Promise<ReplicatedSigner> {
    const circuitBreaker = { pause: 20, longestPause: 20 };
    const signer = await openReplicas({ replicas: [at(east), at(west)], circuitBreaker, ...options });
    opened.push(signer);
    return signer;
  }

  /** Resolves when the first Region signs. */
  async function firstSigns(signer: ReplicatedSigner): Promise<void> {
    const sign = (): Promise<number> => signer.sign(operation).then(() => signer.active);
    await when('the first Region to sign', sign, (active) => active === 0);
  }

  /** Signatures made so far, in each Region. */
  async function signed(): Promise<number[]> {
    const counters = await Promise.all([east, west].map((kms) => kms.counters()));
    return counters.map((one) => one['Sign']?.outcomes['ok'] ?? 0);
  }

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 's2n-pkey-replicas-'));
    const credentials = { accessKeyId: 'EAST', secretAccessKey: 'of the first Region' };
    eastOptions = { dataDirectory: join(folder, 'east'), region: 'us-east-1', credentials };
    east = await startLocalKms(eastOptions);
    eastOptions = { ...eastOptions, port: Number(new URL(east.endpoint).port) };
    const client = sdkClient(east);
    const { KeyMetadata: metadata } = await client.send(
      new CreateKeyCommand({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY', MultiRegion: true }),
    );
    keyId = defined(metadata?.KeyId);
    client.destroy();
    west = await startLocalKms({
      dataDirectory: join(folder, 'west'),
      region: 'us-west-2',
      replicasOf: east.dataDirectory,
    });
  });

  afterEach(async () => {
    for (const signer of opened.splice(0)) signer.close();
    await east.behave();
    await west.behave();
  });

  after(async () => {
    await east.close();
    await west.close();
    await rm(folder, { recursive: true });
  });

  it('has one key in two Regions of the local KMS', async () => {
    const client = sdkClient(west);
    const { KeyMetadata: metadata } = await client.send(new DescribeKeyCommand({ KeyId: keyId }));
    client.destroy();
    expect(keyId).to.match(/^mrk-[0-9a-f]{32}$/);
    expect(metadata?.Arn).to.equal(`arn:aws:kms:us-west-2:000000000000:key/${keyId}`);
    expect(metadata?.MultiRegion).to.equal(true);
    expect(metadata?.MultiRegionConfiguration).to.deep.equal({
      MultiRegionKeyType: 'REPLICA',
      PrimaryKey: { Arn: `arn:aws:kms:us-east-1:000000000000:key/${keyId}`, Region: 'us-east-1' },
      ReplicaKeys: [{ Arn: `arn:aws:kms:us-west-2:000000000000:key/${keyId}`, Region: 'us-west-2' }],
    });
  });

  it('signs in the first Region while it works', async () => {
    const signer = await open();
    const [before = 0, beforeWest = 0] = await signed();
    for (let n = 0; n < 3; n++) await signer.sign(operation);
    expect(await signed()).to.deep.equal([before + 3, beforeWest]);
    expect(signer.keyArns).to.deep.equal(
      ['us-east-1', 'us-west-2'].map((region) => `arn:aws:kms:${region}:000000000000:key/${keyId}`),
    );
    expect(signer.active).to.equal(0);
  });

  it('completes every handshake while the first Region dies, and goes back to it when it is there again', async () => {
    const signer = await open();
    const cert = await createSelfSignedCertificate({ signer, subject: { CN: 'localhost' } });
    const server = createServer({ cert, signer });
    const port = await listen(server);
    const handshakes = async (count: number): Promise<void> => {
      const sockets = await Promise.all(Array.from({ length: count }, () => connectTls(port)));
      for (const socket of sockets) socket.destroy();
    };
    await handshakes(5);
    await east.kill();
    await handshakes(20);
    expect(signer.active).to.equal(1);
    east = await startLocalKms(eastOptions);
    await when(
      'the first Region to sign',
      () => handshakes(1).then(() => signer.active),
      (active) => active === 0,
    );
    const [before = 0, beforeWest = 0] = await signed();
    await handshakes(5);
    expect(await signed()).to.deep.equal([before + 5, beforeWest]);
    await close(server);
  });

  it('turns to the next Region when the key is disabled in the first', async () => {
    const signer = await open();
    const client = sdkClient(east);
    await client.send(new DisableKeyCommand({ KeyId: keyId }));
    expect((await signer.sign(operation)).length).to.be.greaterThan(60);
    expect(signer.active).to.equal(1);
    await client.send(new EnableKeyCommand({ KeyId: keyId }));
    client.destroy();
    await firstSigns(signer);
  });

  it('gives a Region that does not answer its part of the time, and keeps the whole', async () => {
    const signer = await open({ timeout: 1000 });
    await east.misbehave({ kind: 'hang' });
    expect((await signer.sign(operation)).length).to.be.greaterThan(60);
    await west.misbehave({ kind: 'hang' });
    const error = await rejectionOf(signer.sign(operation));
    expect(error).to.include({ code: 'ERR_S2N_PKEY_KMS_TIMEOUT', operation: 'Sign' });
  });

  it('starts while a Region cannot be reached, and signs there once it can', async () => {
    await east.kill();
    const warned = new Promise<Error & { code?: string }>((resolve) => process.once('warning', resolve));
    const signer = await open();
    expect((await warned).code).to.equal('S2N_PKEY_REPLICA');
    expect((await signer.sign(operation)).length).to.be.greaterThan(60);
    expect(signer.keyArns[0]).to.equal(undefined);
    east = await startLocalKms(eastOptions);
    await firstSigns(signer);
    expect(signer.keyArns[0]).to.match(/us-east-1/);
  });

  it('refuses keys that are not the same', async () => {
    const client = sdkClient(west);
    const { keyId: other, arn } = await createKey(client, 'ECC_NIST_P256');
    client.destroy();
    const error = await rejectionOf(openReplicas({ replicas: [at(east), at(west, other)] }));
    expect(error).to.be.instanceOf(KeyMismatchError);
    expect(String(error)).to.include(arn);
  });

  it('refuses to start with a key that cannot be used in a Region', async () => {
    const client = sdkClient(west);
    await client.send(new DisableKeyCommand({ KeyId: keyId }));
    const error = await rejectionOf(openReplicas({ replicas: [at(east), at(west)] }));
    expect(error).to.include({ code: 'ERR_S2N_PKEY_KMS_KEY_DISABLED' });
    await client.send(new EnableKeyCommand({ KeyId: keyId }));
    client.destroy();
  });

  it('does not ask elsewhere for what no Region can do', async () => {
    const signer = await open();
    const error = await rejectionOf(signer.sign({ ...operation, scheme: 'rsa_pss_rsae_sha256' }));
    expect(error).to.include({ code: 'ERR_S2N_PKEY_OPERATION_INVALID' });
    const gone = await rejectionOf(signer.sign(operation, { signal: AbortSignal.abort(new Error('gone')) }));
    expect(gone).to.include({ code: 'ERR_S2N_PKEY_SIGN_ABORTED' });
    expect(signer.active).to.equal(0);
    signer.close();
    expect(await rejectionOf(signer.sign(operation))).to.include({ code: 'ERR_S2N_PKEY_SIGNER_CLOSED' });
  });

  it('names what it does not understand', async () => {
    const wrong: [unknown, string][] = [
      [undefined, 'options'],
      [{}, 'replicas'],
      [{ replicas: [at(east)] }, 'replicas'],
      [{ replicas: [at(east), at(west)], timeout: 0 }, 'timeout'],
      [{ replicas: [at(east), at(west)], circuitBreaker: { pause: 0 } }, 'circuitBreaker.pause'],
      [{ replicas: [at(east), { keyId: '' }] }, 'keyId'],
    ];
    for (const [options, option] of wrong) {
      const error = await rejectionOf(openReplicas(options as ReplicasOptions));
      expect(error, option).to.be.instanceOf(InvalidOptionError).with.property('option', option);
    }
  });
});
