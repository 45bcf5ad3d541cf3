import { ScheduleKeyDeletionCommand, UntagResourceCommand, UpdateAliasCommand } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { deleteDemoKeys, demoKeyAlias, findOrCreateDemoKey } from '../../../lib/signers/kms/keys/demo-key.ts';
import { createKey } from '../../../lib/signers/kms/keys/key-creation.ts';
import { describeKey, findKey } from '../../../lib/signers/kms/keys/key.ts';
import { runningKms } from '../../local-kms/running-kms.ts';
import { withoutAwsConfiguration } from './aws-environment.ts';

describe("the demonstration's key", () => {
  withoutAwsConfiguration();
  const running = runningKms();

  it('is a P-384 key that says what it is for, made once', async () => {
    const { client } = running();
    const { key, created } = await findOrCreateDemoKey(client);
    expect(created).to.equal(true);
    expect(key).to.include({ keySpec: 'ECC_NIST_P384', keyUsage: 'SIGN_VERIFY', state: 'Enabled' });
    expect(key.description).to.include('npm run demo:clean');
    expect(await findOrCreateDemoKey(client)).to.deep.equal({ key, created: false });
    expect(await findKey(client, demoKeyAlias)).to.deep.equal(key);
  });

  it('is deleted by cleaning up, together with others that have lost the alias, and with no key of anybody else', async () => {
    const { client } = running();
    const first = (await findOrCreateDemoKey(client)).key;
    const somebody = await createKey(client, { alias: 'alias/somebody' });
    await client.send(new UpdateAliasCommand({ AliasName: demoKeyAlias, TargetKeyId: somebody.keyId }));
    expect((await deleteDemoKeys(client, { pageSize: 1 })).deleted.map(({ arn }) => arn)).to.deep.equal([
      first.arn,
    ]);
    expect(await describeKey(client, demoKeyAlias)).to.include({ arn: somebody.arn, state: 'Enabled' });

    // Now the alias is on a key that is on its way out, as after a deletion by hand.
    await client.send(new ScheduleKeyDeletionCommand({ KeyId: somebody.arn, PendingWindowInDays: 7 }));
    const second = await findOrCreateDemoKey(client);
    expect(second.created).to.equal(true);
    const { deleted, unreadable } = await deleteDemoKeys(client);
    expect(deleted.map(({ arn, aliases }) => ({ arn, aliases }))).to.deep.equal([
      { arn: second.key.arn, aliases: [demoKeyAlias] },
    ]);
    expect(deleted[0]?.deletionDate).to.be.instanceOf(Date);
    expect(unreadable).to.deep.equal([]);
    expect(await findKey(client, demoKeyAlias)).to.equal(undefined);
    expect(await deleteDemoKeys(client)).to.deep.equal({ deleted: [], unreadable: [] });
  });

  it('is left alone by cleaning up when its owner has taken the tag off', async () => {
    const { client } = running();
    const { key } = await findOrCreateDemoKey(client);
    await client.send(new UntagResourceCommand({ KeyId: key.keyId, TagKeys: ['s2n-pkey'] }));
    expect((await deleteDemoKeys(client)).deleted).to.deep.equal([]);
    expect(await findKey(client, demoKeyAlias)).to.deep.equal(key);
  });
});
