import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  CreateAliasCommand,
  DescribeKeyCommand,
  GenerateMacCommand,
  GetPublicKeyCommand,
  ListResourceTagsCommand,
  SignCommand,
  TagResourceCommand,
  VerifyCommand,
  type KMSClient,
} from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { startLocalKms } from '../../lib/local-kms/start.ts';
import { createKey, defined, randomMessage, refusal, sdkClient } from './running-kms.ts';

describe('local KMS: what it keeps on disk', () => {
  let directory = '';
  let dataDirectory = '';
  beforeEach(async () => {
    directory = await mkdtemp(path.join(tmpdir(), 'local-kms-test-'));
    dataDirectory = path.join(directory, 'data');
  });
  afterEach(() => rm(directory, { recursive: true }));

  it('is there again after a restart: keys, states, aliases, tags', async () => {
    let kms = await startLocalKms({ dataDirectory });
    let client = sdkClient(kms);
    const { keyId } = await createKey(client, 'ECC_NIST_P521');
    const { keyId: hmacKeyId } = await createKey(client, 'HMAC_384');
    await client.send(new CreateAliasCommand({ AliasName: 'alias/site', TargetKeyId: keyId }));
    await client.send(new TagResourceCommand({ KeyId: keyId, Tags: [{ TagKey: 'a', TagValue: 'ü' }] }));
    const Message = randomMessage();
    const SigningAlgorithm = 'ECDSA_SHA_512';
    const described = await client.send(new DescribeKeyCommand({ KeyId: keyId }));
    const { PublicKey: publicKey } = await client.send(new GetPublicKeyCommand({ KeyId: keyId }));
    const { Signature } = await client.send(new SignCommand({ KeyId: keyId, Message, SigningAlgorithm }));
    const mac = new GenerateMacCommand({ KeyId: hmacKeyId, Message, MacAlgorithm: 'HMAC_SHA_384' });
    const { Mac: firstMac } = await client.send(mac);
    client.destroy();
    await kms.close();

    kms = await startLocalKms({ dataDirectory });
    client = sdkClient(kms);
    const again = await client.send(new DescribeKeyCommand({ KeyId: 'alias/site' }));
    expect(again.KeyMetadata).to.deep.equal(described.KeyMetadata);
    const { PublicKey: sameKey } = await client.send(new GetPublicKeyCommand({ KeyId: keyId }));
    expect(sameKey).to.deep.equal(publicKey);
    const input = { KeyId: keyId, Message, SigningAlgorithm, Signature: defined(Signature) } as const;
    expect((await client.send(new VerifyCommand(input))).SignatureValid).to.equal(true);
    expect((await client.send(mac)).Mac).to.deep.equal(firstMac);
    const { Tags: tags } = await client.send(new ListResourceTagsCommand({ KeyId: keyId }));
    expect(tags).to.deep.equal([{ TagKey: 'a', TagValue: 'ü' }]);
    client.destroy();
    await kms.close();
  });

  it('is for its owner alone: files of mode 600 in directories of mode 700', async () => {
    await mkdir(dataDirectory, { mode: 0o755 });
    const kms = await startLocalKms({ dataDirectory });
    const client = sdkClient(kms);
    const { keyId } = await createKey(client, 'ECC_NIST_P256');
    await client.send(new CreateAliasCommand({ AliasName: 'alias/site', TargetKeyId: keyId }));
    client.destroy();
    await kms.close();
    const modes = new Map<string, string>();
    for (const name of ['.', ...(await readdir(dataDirectory, { recursive: true }))]) {
      modes.set(name, ((await stat(path.join(dataDirectory, name))).mode & 0o777).toString(8));
    }
    expect(Object.fromEntries(modes)).to.deep.equal({
      '.': '700',
      keys: '700',
      [path.join('keys', `${keyId}.json`)]: '600',
      'aliases.json': '600',
      'local-kms.json': '600',
      '.gitignore': '600',
    });
    const text = await readFile(path.join(dataDirectory, 'keys', `${keyId}.json`), 'utf8');
    const { material } = JSON.parse(text) as { material: { pem: string } };
    expect(material.pem).to.match(/^-----BEGIN PRIVATE KEY-----\n/);
  });

  it('survives kill -9 at any moment: what was answered is there, whole', async function () {
    this.timeout(120_000);
    const acknowledged = new Map<string, { publicKey: string; alias: boolean; tag: boolean }>();

    /** Makes keys, aliases and tags one after the other until the process is gone. */
    const makeKeys = async (client: KMSClient, onAnswer: () => void): Promise<void> => {
      try {
        for (;;) {
          const { keyId } = await createKey(client, 'ECC_NIST_P256');
          const { PublicKey: spki } = await client.send(new GetPublicKeyCommand({ KeyId: keyId }));
          const known = {
            publicKey: Buffer.from(defined(spki)).toString('base64'),
            alias: false,
            tag: false,
          };
          acknowledged.set(keyId, known);
          onAnswer();
          await client.send(new CreateAliasCommand({ AliasName: `alias/${keyId}`, TargetKeyId: keyId }));
          known.alias = true;
          onAnswer();
          await client.send(new TagResourceCommand({ KeyId: keyId, Tags: [{ TagKey: 'k', TagValue: 'v' }] }));
          known.tag = true;
          onAnswer();
        }
      } catch (error) {
        // A refusal would be an answer, and a fault; a connection that breaks is the kill.
        if (error instanceof Error && error.name.endsWith('Exception')) throw error;
      }
    };

    for (let round = 0; round < 6; round++) {
      const kms = await startLocalKms({ dataDirectory });
      const client = sdkClient(kms);
      let answers = 0;
      let killed: Promise<void> | undefined;
      const killAfter = 5 + Math.floor(Math.random() * 40);
      const onAnswer = (): void => {
        answers += 1;
        if (answers === killAfter) killed = kms.kill();
      };
      await Promise.all(Array.from({ length: 6 }, () => makeKeys(client, onAnswer)));
      await killed;
      client.destroy();
      expect(answers).to.be.at.least(killAfter);

      const restarted = await startLocalKms({ dataDirectory });
      const reader = sdkClient(restarted);
      for (const [keyId, { publicKey, alias, tag }] of acknowledged) {
        const named = alias ? `alias/${keyId}` : keyId;
        const { PublicKey: spki } = await reader.send(new GetPublicKeyCommand({ KeyId: named }));
        expect(Buffer.from(defined(spki)).toString('base64')).to.equal(publicKey);
        const { Tags: tags } = await reader.send(new ListResourceTagsCommand({ KeyId: keyId }));
        if (tag) expect(tags).to.deep.equal([{ TagKey: 'k', TagValue: 'v' }]);
      }
      reader.destroy();
      await restarted.close();
      const files = await readdir(dataDirectory, { recursive: true });
      expect(files.filter((name) => name.endsWith('.tmp'))).to.deep.equal([]);
    }
  });

  it('keeps its directory out of Git, one from an earlier version too', async () => {
    await (await startLocalKms({ dataDirectory })).close();
    const ignored = path.join(dataDirectory, '.gitignore');
    expect(await readFile(ignored, 'utf8')).to.equal('*\n');
    await rm(ignored);
    await (await startLocalKms({ dataDirectory })).close();
    expect(await readFile(ignored, 'utf8')).to.equal('*\n');
    await writeFile(ignored, '# my own\n');
    await (await startLocalKms({ dataDirectory })).close();
    expect(await readFile(ignored, 'utf8'), 'a file of the user stays').to.equal('# my own\n');
  });

  it('never takes half a file for a whole one', async () => {
    const kms = await startLocalKms({ dataDirectory });
    const client = sdkClient(kms);
    const { keyId } = await createKey(client, 'ECC_NIST_P256');
    client.destroy();
    await kms.kill();
    const file = path.join(dataDirectory, 'keys', `${keyId}.json`);
    const whole = await readFile(file, 'utf8');

    // As if killed while the key's file was being written anew.
    await writeFile(`${file}.tmp`, whole.slice(0, 100));
    const again = await startLocalKms({ dataDirectory });
    const reader = sdkClient(again);
    await reader.send(new DescribeKeyCommand({ KeyId: keyId }));
    reader.destroy();
    await again.close();
    expect(await readdir(path.join(dataDirectory, 'keys'))).to.deep.equal([`${keyId}.json`]);

    // A file that something else has cut off is refused by name, not passed over.
    await writeFile(file, whole.slice(0, 100));
    const refused = await refusal(startLocalKms({ dataDirectory }));
    expect(refused.name).to.equal('LocalKmsError');
    expect(refused.message).to.contain(file);
  });

  it('belongs to one process at a time, and to the next as soon as that one is gone', async () => {
    const first = await startLocalKms({ dataDirectory });
    const refused = await refusal(startLocalKms({ dataDirectory }));
    expect(refused.message).to.contain(
      `the data directory ${dataDirectory} is in use by another local KMS (process ${first.pid})`,
    );
    await first.kill();
    const second = await startLocalKms({ dataDirectory });
    await second.close();
  });

  it("is never put into a directory that is someone else's", async () => {
    await mkdir(dataDirectory, { mode: 0o755 });
    await writeFile(path.join(dataDirectory, 'thesis.txt'), 'years of work');
    const refused = await refusal(startLocalKms({ dataDirectory }));
    expect(refused.message).to.contain(`${dataDirectory} is not empty and was not made by the local KMS`);
    expect((await stat(dataDirectory)).mode & 0o777).to.equal(0o755);
    expect(await readdir(dataDirectory)).to.deep.equal(['thesis.txt']);
  });

  it('is temporary where no directory is given', async () => {
    const kms = await startLocalKms();
    expect(await readdir(kms.dataDirectory)).to.include('local-kms.json');
    expect(path.dirname(kms.dataDirectory)).to.equal(tmpdir());
    await kms.close();
    expect(existsSync(kms.dataDirectory)).to.equal(false);
  });
});
