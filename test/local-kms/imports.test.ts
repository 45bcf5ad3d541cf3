import {
  constants,
  createCipheriv,
  createHmac,
  createPublicKey,
  generateKeyPairSync,
  publicEncrypt,
  randomBytes,
  type KeyObject,
} from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  CancelKeyDeletionCommand,
  CreateKeyCommand,
  DeleteImportedKeyMaterialCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  EnableKeyCommand,
  GenerateMacCommand,
  GetParametersForImportCommand,
  GetPublicKeyCommand,
  ImportKeyMaterialCommand,
  ScheduleKeyDeletionCommand,
  SignCommand,
  type AlgorithmSpec,
  type ImportKeyMaterialCommandInput,
  type KeyMetadata,
  type KeySpec,
  type KMSClient,
  type WrappingKeySpec,
} from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { addon } from '../../lib/native/addon.ts';
import { ImportTokens } from '../../lib/local-kms/store/import-tokens.ts';
import { KeyStore } from '../../lib/local-kms/store/key-store.ts';
import { startLocalKms } from '../../lib/local-kms/start.ts';
import { createKey, defined, randomMessage, refusal, runningKms, sdkClient } from './running-kms.ts';

const ecKey = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
const rsaKey = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;

const pkcs8 = (key: KeyObject): Buffer => key.export({ type: 'pkcs8', format: 'der' });
const spki = (key: KeyObject): Buffer => createPublicKey(key).export({ type: 'spki', format: 'der' });

async function externalKey(
  client: KMSClient,
  KeySpec: KeySpec,
  MultiRegion = false,
): Promise<{ keyId: string; arn: string; metadata: KeyMetadata }> {
  const { KeyMetadata: metadata } = await client.send(
    new CreateKeyCommand({
      KeySpec,
      KeyUsage: KeySpec.startsWith('HMAC') ? 'GENERATE_VERIFY_MAC' : 'SIGN_VERIFY',
      Origin: 'EXTERNAL',
      MultiRegion,
    }),
  );
  return { keyId: defined(metadata?.KeyId), arn: defined(metadata?.Arn), metadata: defined(metadata) };
}

/** As a user of OpenSSL wraps, whose code is not this package's. */
function wrapWith(publicKey: Uint8Array, algorithm: AlgorithmSpec, material: Uint8Array): Buffer {
  const oaep = {
    key: createPublicKey({ key: Buffer.from(publicKey), format: 'der', type: 'spki' }),
    padding: constants.RSA_PKCS1_OAEP_PADDING,
    oaepHash: algorithm.endsWith('SHA_1') ? 'sha1' : 'sha256',
  };
  if (algorithm.startsWith('RSAES')) return publicEncrypt(oaep, material);
  const aesKey = randomBytes(32);
  const cipher = createCipheriv('id-aes256-wrap-pad', aesKey, Buffer.from('a65959a6', 'hex'));
  return Buffer.concat([publicEncrypt(oaep, aesKey), cipher.update(material), cipher.final()]);
}

async function importMaterial(
  client: KMSClient,
  KeyId: string,
  material: Uint8Array,
  options: {
    algorithm?: AlgorithmSpec;
    wrappingKeySpec?: WrappingKeySpec;
    change?: Partial<ImportKeyMaterialCommandInput>;
  } = {},
): Promise<void> {
  const { algorithm = 'RSA_AES_KEY_WRAP_SHA_256', wrappingKeySpec = 'RSA_2048', change = {} } = options;
  const parameters = await client.send(
    new GetParametersForImportCommand({
      KeyId,
      WrappingAlgorithm: algorithm,
      WrappingKeySpec: wrappingKeySpec,
    }),
  );
  await client.send(
    new ImportKeyMaterialCommand({
      KeyId,
      ImportToken: parameters.ImportToken,
      EncryptedKeyMaterial: wrapWith(defined(parameters.PublicKey), algorithm, material),
      ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE',
      ...change,
    }),
  );
}

async function describeKey(client: KMSClient, KeyId: string): Promise<KeyMetadata> {
  return defined((await client.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata);
}

describe('local KMS: imported key material', () => {
  const running = runningKms();

  it('makes a key without material, which can be described and does nothing until it has some', async () => {
    const { client } = running();
    const { keyId, arn, metadata } = await externalKey(client, 'ECC_NIST_P256');
    expect(metadata).to.include({ Origin: 'EXTERNAL', KeyState: 'PendingImport', Enabled: false });
    expect(metadata).not.to.have.any.keys('ExpirationModel', 'ValidTo');
    const pending = {
      name: 'KMSInvalidStateException',
      message: `${arn} is pending import.`,
      status: 400,
    };
    const refused = [
      client.send(new GetPublicKeyCommand({ KeyId: keyId })),
      client.send(new EnableKeyCommand({ KeyId: keyId })),
      client.send(new DisableKeyCommand({ KeyId: keyId })),
      client.send(
        new SignCommand({
          KeyId: keyId,
          Message: randomMessage(),
          SigningAlgorithm: 'ECDSA_SHA_256',
        }),
      ),
    ];
    for (const request of refused) expect(await refusal(request)).to.deep.equal(pending);
  });

  for (const [keySpec, material, algorithm] of [
    ['ECC_NIST_P256', ecKey, 'RSA_AES_KEY_WRAP_SHA_256'],
    ['ECC_NIST_P256', ecKey, 'RSAES_OAEP_SHA_256'],
    ['ECC_NIST_P256', ecKey, 'RSAES_OAEP_SHA_1'],
    ['RSA_2048', rsaKey, 'RSA_AES_KEY_WRAP_SHA_256'],
    ['RSA_2048', rsaKey, 'RSA_AES_KEY_WRAP_SHA_1'],
  ] as const) {
    it(`takes a ${keySpec} key wrapped by ${algorithm}, and signs with it`, async () => {
      const { client } = running();
      const { keyId } = await externalKey(client, keySpec);
      await importMaterial(client, keyId, pkcs8(material), { algorithm });
      expect(await describeKey(client, keyId)).to.include({
        KeyState: 'Enabled',
        Enabled: true,
        Origin: 'EXTERNAL',
        ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE',
      });
      const { PublicKey } = await client.send(new GetPublicKeyCommand({ KeyId: keyId }));
      expect(Buffer.from(defined(PublicKey))).to.deep.equal(spki(material));
    });
  }

  it('takes an HMAC key', async () => {
    const { client } = running();
    const { keyId } = await externalKey(client, 'HMAC_384');
    const material = randomBytes(48);
    await importMaterial(client, keyId, material);
    const message = randomMessage();
    const { Mac } = await client.send(
      new GenerateMacCommand({ KeyId: keyId, Message: message, MacAlgorithm: 'HMAC_SHA_384' }),
    );
    expect(Buffer.from(defined(Mac))).to.deep.equal(createHmac('sha384', material).update(message).digest());
  });

  it('takes a key that the addon wrapped, for each wrapping key', async function () {
    this.timeout(120_000); // an RSA key of 4096 bits is made
    const { client } = running();
    for (const spec of ['RSA_2048', 'RSA_4096'] as const) {
      const { keyId } = await externalKey(client, 'RSA_2048');
      const { PublicKey, ImportToken } = await client.send(
        new GetParametersForImportCommand({
          KeyId: keyId,
          WrappingAlgorithm: 'RSA_AES_KEY_WRAP_SHA_256',
          WrappingKeySpec: spec,
        }),
      );
      const pem = rsaKey.export({ type: 'pkcs1', format: 'pem' });
      const EncryptedKeyMaterial = new (addon().LocalKey)(Buffer.from(pem)).wrap(defined(PublicKey));
      await client.send(
        new ImportKeyMaterialCommand({
          KeyId: keyId,
          ImportToken,
          EncryptedKeyMaterial,
          ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE',
        }),
      );
      const answer = await client.send(new GetPublicKeyCommand({ KeyId: keyId }));
      expect(Buffer.from(defined(answer.PublicKey))).to.deep.equal(spki(rsaKey));
    }
  });

  it('refuses what a wrapping algorithm cannot carry', async () => {
    const { client } = running();
    const ask = async (keySpec: KeySpec, WrappingAlgorithm: AlgorithmSpec, spec: WrappingKeySpec) => {
      const { keyId: KeyId } = await externalKey(client, keySpec);
      return (
        await refusal(
          client.send(new GetParametersForImportCommand({ KeyId, WrappingAlgorithm, WrappingKeySpec: spec })),
        )
      ).name;
    };
    expect(await ask('RSA_2048', 'RSAES_OAEP_SHA_256', 'RSA_4096')).to.equal('ValidationException');
    expect(await ask('ECC_NIST_P521', 'RSAES_OAEP_SHA_256', 'RSA_2048')).to.equal('ValidationException');
    expect(await ask('ECC_NIST_P256', 'RSAES_PKCS1_V1_5', 'RSA_2048')).to.equal('ValidationException');
  });

  it('has nothing to do with material for keys that KMS made', async () => {
    const { client } = running();
    const { keyId, arn } = await createKey(client, 'ECC_NIST_P256');
    const expected = {
      name: 'UnsupportedOperationException',
      message: `${arn} origin is AWS_KMS which is not valid for this operation.`,
      status: 400,
    };
    expect(await refusal(importMaterial(client, keyId, pkcs8(ecKey)))).to.deep.equal(expected);
    expect(await refusal(client.send(new DeleteImportedKeyMaterialCommand({ KeyId: keyId })))).to.deep.equal(
      expected,
    );
  });

  it('refuses material of another key spec, and what it cannot decrypt', async () => {
    const { client } = running();
    const { keyId } = await externalKey(client, 'ECC_NIST_P384');
    const name = async (answer: Promise<unknown>): Promise<string> => (await refusal(answer)).name;
    expect(await name(importMaterial(client, keyId, pkcs8(ecKey)))).to.equal('IncorrectKeyMaterialException');
    expect(await name(importMaterial(client, keyId, randomBytes(100)))).to.equal(
      'IncorrectKeyMaterialException',
    );
    const change = { EncryptedKeyMaterial: randomBytes(500) };
    expect(await name(importMaterial(client, keyId, pkcs8(ecKey), { change }))).to.equal(
      'InvalidCiphertextException',
    );
    expect(await describeKey(client, keyId)).to.include({ KeyState: 'PendingImport' });
  });

  it('refuses a token of another key, and one of no key', async () => {
    const { client } = running();
    const { keyId } = await externalKey(client, 'ECC_NIST_P256');
    const other = await externalKey(client, 'ECC_NIST_P256');
    const { ImportToken } = await client.send(
      new GetParametersForImportCommand({
        KeyId: other.keyId,
        WrappingAlgorithm: 'RSA_AES_KEY_WRAP_SHA_256',
        WrappingKeySpec: 'RSA_2048',
      }),
    );
    for (const token of [ImportToken, randomBytes(100), randomBytes(5)]) {
      const answer = importMaterial(client, keyId, pkcs8(ecKey), { change: { ImportToken: token } });
      expect((await refusal(answer)).name).to.equal('InvalidImportTokenException');
    }
  });

  it('gives tokens that are valid for 24 hours', async () => {
    let now = Date.now();
    const tokens = new ImportTokens(() => now);
    const facts = {
      keyId: 'a',
      wrappingAlgorithm: 'RSAES_OAEP_SHA_256',
      wrappingKeySpec: 'RSA_2048',
    } as const;
    const { token, validTo } = await tokens.issue(facts);
    expect(validTo - now).to.equal(24 * 60 * 60 * 1000);
    now += 1;
    expect(tokens.read(token)).to.deep.equal({ ...facts, validTo });
  });

  it('takes the same material again after it was deleted, and no other', async () => {
    const { client } = running();
    const { keyId } = await externalKey(client, 'ECC_NIST_P256');
    await importMaterial(client, keyId, pkcs8(ecKey));
    await client.send(new DeleteImportedKeyMaterialCommand({ KeyId: keyId }));
    await client.send(new DeleteImportedKeyMaterialCommand({ KeyId: keyId })); // no effect
    expect(await describeKey(client, keyId)).to.include({ KeyState: 'PendingImport' });
    const other = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
    expect((await refusal(importMaterial(client, keyId, pkcs8(other)))).name).to.equal(
      'IncorrectKeyMaterialException',
    );
    await importMaterial(client, keyId, pkcs8(ecKey));
    expect(await describeKey(client, keyId)).to.include({ KeyState: 'Enabled' });
  });

  it('asks for a date where material expires, and describes it', async () => {
    const { client } = running();
    const { keyId } = await externalKey(client, 'ECC_NIST_P256');
    const expires = { ExpirationModel: 'KEY_MATERIAL_EXPIRES' } as const;
    for (const change of [
      expires,
      { ...expires, ValidTo: new Date(Date.now() - 1000) },
      { ...expires, ValidTo: new Date(Date.now() + 366 * 24 * 60 * 60 * 1000) },
      { ValidTo: new Date(Date.now() + 60_000) },
    ]) {
      const answer = importMaterial(client, keyId, pkcs8(ecKey), { change });
      expect((await refusal(answer)).name).to.equal('ValidationException');
    }
    const ValidTo = new Date(Math.ceil(Date.now() / 1000) * 1000 + 60_000);
    await importMaterial(client, keyId, pkcs8(ecKey), { change: { ...expires, ValidTo } });
    const metadata = await describeKey(client, keyId);
    expect(metadata).to.include({ KeyState: 'Enabled', ExpirationModel: 'KEY_MATERIAL_EXPIRES' });
    expect(metadata.ValidTo).to.deep.equal(ValidTo);
  });

  it('keeps a key without material PendingImport when its deletion is cancelled', async () => {
    const { client } = running();
    const { keyId } = await externalKey(client, 'ECC_NIST_P256');
    await client.send(new ScheduleKeyDeletionCommand({ KeyId: keyId, PendingWindowInDays: 7 }));
    expect((await refusal(importMaterial(client, keyId, pkcs8(ecKey)))).name).to.equal(
      'KMSInvalidStateException',
    );
    await client.send(new CancelKeyDeletionCommand({ KeyId: keyId }));
    expect(await describeKey(client, keyId)).to.include({ KeyState: 'PendingImport' });
  });
});

describe('local KMS: imported key material, on disk', () => {
  let directory = '';
  before(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'local-kms-imports-'));
  });
  after(() => rm(directory, { recursive: true, force: true }));

  it('deletes material when it expires, in memory at once and then on disk', async () => {
    const dataDirectory = path.join(directory, 'expiry');
    const kms = await startLocalKms({ dataDirectory });
    const client = sdkClient(kms);
    const validTo = Date.now() + 3_600_000;
    const { keyId } = await externalKey(client, 'ECC_NIST_P256');
    await importMaterial(client, keyId, pkcs8(ecKey), {
      change: { ExpirationModel: 'KEY_MATERIAL_EXPIRES', ValidTo: new Date(validTo) },
    });
    client.destroy();
    await kms.close();

    const file = path.join(dataDirectory, 'keys', `${keyId}.json`);
    let now = validTo - 1000;
    const store = await KeyStore.open(dataDirectory, () => now);
    expect(store.key(keyId)?.record.keyState).to.equal('Enabled');
    expect(await readFile(file, 'utf8')).to.contain('PRIVATE KEY');
    now = validTo;
    expect(store.key(keyId)?.record.keyState).to.equal('PendingImport');
    expect(store.key(keyId)?.material).to.equal(undefined);
    await store.close();
    await (await KeyStore.open(dataDirectory, () => now)).close();
    expect(await readFile(file, 'utf8')).not.to.contain('PRIVATE KEY');
  });

  it('gives a replica of a multi-Region key no material: it is imported there too', async () => {
    const primary = await startLocalKms({ dataDirectory: path.join(directory, 'primary') });
    const client = sdkClient(primary);
    const { keyId, metadata } = await externalKey(client, 'ECC_NIST_P256', true);
    expect(metadata.MultiRegion).to.equal(true);
    await importMaterial(client, keyId, pkcs8(ecKey));
    client.destroy();
    await primary.close();

    const replica = await startLocalKms({
      dataDirectory: path.join(directory, 'replica'),
      region: 'eu-west-1',
      replicasOf: path.join(directory, 'primary'),
    });
    const there = sdkClient(replica);
    try {
      expect(await describeKey(there, keyId)).to.include({ KeyState: 'PendingImport', Origin: 'EXTERNAL' });
      const other = generateKeyPairSync('ec', { namedCurve: 'prime256v1' }).privateKey;
      expect((await refusal(importMaterial(there, keyId, pkcs8(other)))).name).to.equal(
        'IncorrectKeyMaterialException',
      );
      await importMaterial(there, keyId, pkcs8(ecKey));
      expect(await describeKey(there, keyId)).to.include({ KeyState: 'Enabled' });
    } finally {
      there.destroy();
      await replica.close();
    }
  });
});
