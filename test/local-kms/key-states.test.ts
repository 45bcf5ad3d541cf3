import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import {
  CancelKeyDeletionCommand,
  CreateAliasCommand,
  DescribeKeyCommand,
  DisableKeyCommand,
  EnableKeyCommand,
  GetPublicKeyCommand,
  ListAliasesCommand,
  ListKeysCommand,
  ScheduleKeyDeletionCommand,
  SignCommand,
  TagResourceCommand,
  type KeyMetadata,
  type KMSClient,
} from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { startLocalKms } from '../../lib/local-kms/start.ts';
import { createKey, defined, randomMessage, refusal, runningKms, sdkClient } from './running-kms.ts';

const day = 24 * 60 * 60 * 1000;

async function describeKey(client: KMSClient, KeyId: string): Promise<KeyMetadata> {
  return defined((await client.send(new DescribeKeyCommand({ KeyId }))).KeyMetadata);
}

function sign(client: KMSClient, KeyId: string): Promise<unknown> {
  return client.send(new SignCommand({ KeyId, Message: randomMessage(), SigningAlgorithm: 'ECDSA_SHA_256' }));
}

describe('local KMS: key states', () => {
  const running = runningKms();

  it('a disabled key does nothing until it is enabled again', async () => {
    const { client } = running();
    const { keyId, arn } = await createKey(client, 'ECC_NIST_P256');
    await client.send(new DisableKeyCommand({ KeyId: keyId }));
    expect(await describeKey(client, keyId)).to.include({ KeyState: 'Disabled', Enabled: false });
    const expected = { name: 'DisabledException', message: `${arn} is disabled.`, status: 400 };
    expect(await refusal(sign(client, keyId))).to.deep.equal(expected);
    expect(await refusal(client.send(new GetPublicKeyCommand({ KeyId: keyId })))).to.deep.equal(expected);

    await client.send(new EnableKeyCommand({ KeyId: arn }));
    expect(await describeKey(client, keyId)).to.include({ KeyState: 'Enabled', Enabled: true });
    await sign(client, keyId);
  });

  it('a key scheduled for deletion is described with its date and does nothing more', async () => {
    const { client } = running();
    const { keyId, arn } = await createKey(client, 'ECC_NIST_P256');
    const before = Date.now();
    const scheduled = await client.send(
      new ScheduleKeyDeletionCommand({ KeyId: keyId, PendingWindowInDays: 7 }),
    );
    expect(scheduled).to.include({ KeyId: arn, KeyState: 'PendingDeletion', PendingWindowInDays: 7 });
    expect(scheduled.DeletionDate?.getTime()).to.be.within(before + 7 * day - 1, Date.now() + 7 * day + 1);
    const metadata = await describeKey(client, keyId);
    expect(metadata).to.include({ KeyState: 'PendingDeletion', Enabled: false });
    expect(metadata.DeletionDate).to.deep.equal(scheduled.DeletionDate);

    for (const refused of [
      sign(client, keyId),
      client.send(new GetPublicKeyCommand({ KeyId: keyId })),
      client.send(new EnableKeyCommand({ KeyId: keyId })),
      client.send(new DisableKeyCommand({ KeyId: keyId })),
      client.send(new ScheduleKeyDeletionCommand({ KeyId: keyId })),
      client.send(new TagResourceCommand({ KeyId: keyId, Tags: [{ TagKey: 'a', TagValue: 'b' }] })),
    ]) {
      expect(await refusal(refused)).to.deep.equal({
        name: 'KMSInvalidStateException',
        message: `${arn} is pending deletion.`,
        status: 400,
      });
    }
  });

  it('a cancelled deletion leaves the key disabled', async () => {
    const { client } = running();
    const { keyId, arn } = await createKey(client, 'ECC_NIST_P256');
    const early = await refusal(client.send(new CancelKeyDeletionCommand({ KeyId: keyId })));
    expect(early).to.include({
      name: 'KMSInvalidStateException',
      message: `${arn} is not pending deletion.`,
    });
    await client.send(new ScheduleKeyDeletionCommand({ KeyId: keyId }));
    expect(await client.send(new CancelKeyDeletionCommand({ KeyId: keyId }))).to.include({ KeyId: arn });
    const metadata = await describeKey(client, keyId);
    expect(metadata.KeyState).to.equal('Disabled');
    expect(metadata.DeletionDate).to.equal(undefined);
  });

  it('waits 30 days unless told otherwise, and takes 7 to 30', async () => {
    const { client } = running();
    const { keyId: KeyId } = await createKey(client, 'ECC_NIST_P256');
    for (const PendingWindowInDays of [6, 31]) {
      const refused = await refusal(
        client.send(new ScheduleKeyDeletionCommand({ KeyId, PendingWindowInDays })),
      );
      expect(refused).to.include({
        name: 'ValidationException',
        message: 'PendingWindowInDays must be between 7 and 30',
      });
    }
    const { PendingWindowInDays: days } = await client.send(new ScheduleKeyDeletionCommand({ KeyId }));
    expect(days).to.equal(30);
  });
});

describe('local KMS: a key whose deletion date comes', () => {
  it('is gone, with its aliases, its file and its key material', async () => {
    const dataDirectory = await mkdtemp(path.join(tmpdir(), 'local-kms-test-'));
    try {
      let kms = await startLocalKms({ dataDirectory });
      let client = sdkClient(kms);
      const { keyId: doomed, arn } = await createKey(client, 'ECC_NIST_P256');
      const { keyId: kept } = await createKey(client, 'ECC_NIST_P256');
      await client.send(new CreateAliasCommand({ AliasName: 'alias/doomed', TargetKeyId: doomed }));
      await client.send(new CreateAliasCommand({ AliasName: 'alias/kept', TargetKeyId: kept }));
      await client.send(new ScheduleKeyDeletionCommand({ KeyId: doomed, PendingWindowInDays: 7 }));
      client.destroy();
      await kms.close();

      // Seven days pass, all but a moment.
      const file = path.join(dataDirectory, 'keys', `${doomed}.json`);
      const record: unknown = JSON.parse(await readFile(file, 'utf8'));
      const deletionDate = Date.now() + 2000;
      await writeFile(file, JSON.stringify(Object.assign({}, record, { deletionDate })));

      kms = await startLocalKms({ dataDirectory });
      client = sdkClient(kms);
      const startedInTime = Date.now() < deletionDate - 500;
      let seenBefore = false;
      for (;;) {
        const asked = Date.now();
        const described = await client
          .send(new DescribeKeyCommand({ KeyId: doomed }))
          .catch((error: unknown) => error);
        if (described instanceof Error) {
          expect(described.message).to.equal(`Key '${arn}' does not exist`);
          expect(Date.now()).to.be.at.least(deletionDate);
          break;
        }
        seenBefore = true;
        expect(asked, 'it is still there after its date').to.be.below(deletionDate);
      }
      if (startedInTime) expect(seenBefore, 'it was gone before its date').to.equal(true);
      const { Keys: keys } = await client.send(new ListKeysCommand({}));
      expect(keys?.map((key) => key.KeyId)).to.deep.equal([kept]);
      const { Aliases: aliases } = await client.send(new ListAliasesCommand({}));
      expect(aliases?.map((alias) => alias.AliasName)).to.deep.equal(['alias/kept']);
      client.destroy();
      await kms.close();

      expect(await readdir(path.join(dataDirectory, 'keys'))).to.deep.equal([`${kept}.json`]);
      expect(await readFile(path.join(dataDirectory, 'aliases.json'), 'utf8')).not.to.contain('doomed');
    } finally {
      await rm(dataDirectory, { recursive: true });
    }
  });
});
