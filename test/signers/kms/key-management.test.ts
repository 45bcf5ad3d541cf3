import {
  CreateAliasCommand,
  CreateKeyCommand,
  DisableKeyCommand,
  ListAliasesCommand,
  ScheduleKeyDeletionCommand,
  TagResourceCommand,
  UpdateAliasCommand,
  type KMSClient,
} from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { listAliases } from '../../../lib/signers/kms/keys/aliases.ts';
import { createKey, findOrCreateKey } from '../../../lib/signers/kms/keys/key-creation.ts';
import { scheduleKeyDeletion } from '../../../lib/signers/kms/keys/key-deletion.ts';
import { describeKey, findKey } from '../../../lib/signers/kms/keys/key.ts';
import { KmsError } from '../../../lib/signers/kms/client/kms-error.ts';
import { KmsSigner } from '../../../lib/signers/kms/kms-signer.ts';
import { listKeysByTag, listTags } from '../../../lib/signers/kms/keys/tagged-keys.ts';
import { runningKms } from '../../local-kms/running-kms.ts';
import { rejectionOf } from '../rejection.ts';
import { withoutAwsConfiguration } from './aws-environment.ts';
import { clientWith, refusingClient } from './refusing-client.ts';

describe('KMS keys', () => {
  withoutAwsConfiguration();
  const running = runningKms();
  const client = (): KMSClient => running().client;

  /** The names of all aliases there are. */
  async function aliasNames(): Promise<string[]> {
    const { Aliases: aliases = [] } = await client().send(new ListAliasesCommand({}));
    return aliases.map(({ AliasName: name = '' }) => name);
  }

  async function requests(operation: string): Promise<number> {
    return (await running().kms.counters())[operation]?.requests ?? 0;
  }

  describe('describeKey', () => {
    it('describes a key by id, ARN or alias', async () => {
      const { arn, keyId } = await createKey(client(), {
        keySpec: 'RSA_2048',
        description: 'of the web site',
        alias: 'alias/described',
      });
      for (const name of [arn, keyId, 'alias/described']) {
        const key = await describeKey(client(), name);
        expect(key).to.include({
          arn,
          keyId,
          keySpec: 'RSA_2048',
          keyUsage: 'SIGN_VERIFY',
          state: 'Enabled',
          owner: 'CUSTOMER',
          description: 'of the web site',
          deletionDate: undefined,
        });
        expect(key.creationDate).to.be.instanceOf(Date);
      }
    });

    it('says by name that there is no such key, and where one forgets it, that an alias begins with alias/', async () => {
      const error = await rejectionOf(describeKey(client(), 'alias/nobody'));
      expect(error).to.be.instanceOf(KmsError).and.include({
        code: 'ERR_S2N_PKEY_KMS_NOT_FOUND',
        operation: 'DescribeKey',
        keyId: 'alias/nobody',
      });
      const bare = await rejectionOf(describeKey(client(), 'site'));
      expect(bare).to.have.property('message').that.includes("an alias is written 'alias/site'");
    });
  });

  describe('findKey', () => {
    it('finds the key of an alias with one request, however many keys there are', async () => {
      const { arn } = await createKey(client(), { alias: 'alias/found' });
      await running().kms.resetCounters();
      expect(await findKey(client(), 'alias/found')).to.include({ arn });
      expect(await requests('DescribeKey')).to.equal(1);
      expect(await requests('ListKeys')).to.equal(0);
      expect(await requests('ListAliases')).to.equal(0);
    });

    it('finds none where there is no such alias, or its key is pending deletion', async () => {
      const { arn } = await createKey(client(), { alias: 'alias/soon-gone' });
      await client().send(new ScheduleKeyDeletionCommand({ KeyId: arn, PendingWindowInDays: 7 }));
      expect(await findKey(client(), 'alias/soon-gone')).to.equal(undefined);
      expect(await findKey(client(), 'alias/never-there')).to.equal(undefined);
    });

    it('does not take a failure for an absence', async () => {
      const denied = refusingClient(running().kms, 'DescribeKey');
      const error = await rejectionOf(findKey(denied, 'alias/any'));
      expect(error).to.include({ code: 'ERR_S2N_PKEY_KMS_ACCESS_DENIED' });
      expect(error).to.have.property('message').that.includes('Allow kms:DescribeKey on alias/any');
      denied.destroy();
    });
  });

  describe('createKey', () => {
    it('makes a P-384 key for signing, with description, tags and alias, that signs at once', async () => {
      const tags = { stage: 'test', 'with space': 'a b' };
      const key = await createKey(client(), { description: 'made here', tags, alias: 'alias/made-here' });
      expect(key).to.include({ keySpec: 'ECC_NIST_P384', keyUsage: 'SIGN_VERIFY', state: 'Enabled' });
      expect(await describeKey(client(), 'alias/made-here')).to.deep.equal(key);
      expect(Object.fromEntries(await listTags(client(), key.arn))).to.deep.equal(tags);
      const signer = await KmsSigner.open({ keyId: 'alias/made-here', client: client() });
      expect(signer.keyArn).to.equal(key.arn);
    });

    it('makes none when the alias is that of another key', async () => {
      const { arn } = await createKey(client(), { alias: 'alias/already-taken' });
      await running().kms.resetCounters();
      const error = await rejectionOf(createKey(client(), { alias: 'alias/already-taken' }));
      expect(error).to.include({ code: 'ERR_S2N_PKEY_KMS_ALIAS_TAKEN' });
      expect(error).to.have.property('message').that.includes(arn);
      expect(await requests('CreateKey')).to.equal(0);
    });

    it('does not leave a key behind that could not be given its alias', async () => {
      const denied = refusingClient(running().kms, 'CreateAlias');
      const tags = { stage: 'without-alias' };
      const error = await rejectionOf(createKey(denied, { alias: 'alias/not-allowed', tags }));
      expect(error).to.include({ code: 'ERR_S2N_PKEY_KMS_ACCESS_DENIED', operation: 'CreateAlias' });
      const { keys } = await listKeysByTag(client(), { key: 'stage', value: 'without-alias' });
      expect(keys).to.deep.equal([]);
      denied.destroy();
    });

    it('names the key that it had to leave behind', async () => {
      const denied = refusingClient(running().kms, 'CreateAlias');
      denied.middlewareStack.add(
        (next, { commandName }) =>
          (args) =>
            commandName === 'ScheduleKeyDeletionCommand'
              ? Promise.reject(new Error('not that either'))
              : next(args),
        { step: 'initialize' },
      );
      const tags = { stage: 'left-behind' };
      const error = await rejectionOf(createKey(denied, { alias: 'alias/left-behind', tags }));
      expect(error).to.be.instanceOf(KmsError).and.include({ code: 'ERR_S2N_PKEY_KMS_ACCESS_DENIED' });
      const { keys } = await listKeysByTag(client(), { key: 'stage', value: 'left-behind' });
      expect(keys).to.have.lengthOf(1);
      expect(error)
        .to.have.property('message')
        .that.includes(keys[0]?.arn)
        .and.includes('could not be scheduled');
      denied.destroy();
    });

    it('refuses options by name', async () => {
      const keySpec = await rejectionOf(createKey(client(), { keySpec: 'SYMMETRIC_DEFAULT' }));
      expect(keySpec).to.include({ code: 'ERR_S2N_PKEY_INVALID_OPTION', option: 'keySpec' });
      for (const alias of ['site', 'alias/', 'alias/aws/mine', 'alias/a b']) {
        const error = await rejectionOf(createKey(client(), { alias }));
        expect(error, alias).to.include({ code: 'ERR_S2N_PKEY_INVALID_OPTION', option: 'alias' });
      }
    });
  });

  describe('findOrCreateKey', () => {
    it('makes a key the first time, and finds it from then on', async () => {
      const first = await findOrCreateKey(client(), { alias: 'alias/once' });
      const second = await findOrCreateKey(client(), { alias: 'alias/once' });
      expect(first.created).to.equal(true);
      expect(second).to.deep.equal({ key: first.key, created: false });
    });

    it('makes another when the first is pending deletion, and moves the alias to it', async () => {
      const first = await findOrCreateKey(client(), { alias: 'alias/moved' });
      await client().send(new ScheduleKeyDeletionCommand({ KeyId: first.key.arn, PendingWindowInDays: 7 }));
      const second = await findOrCreateKey(client(), { alias: 'alias/moved' });
      expect(second.created).to.equal(true);
      expect(second.key.arn).not.to.equal(first.key.arn);
      expect(await findKey(client(), 'alias/moved')).to.include({ arn: second.key.arn });
    });

    it('uses the key of a faster caller, and deletes its own', async () => {
      const options = { alias: 'alias/raced', tags: { stage: 'raced' } };
      let other: string | undefined;
      const slow = clientWith(running().kms, 'CreateAlias', async () => {
        other = (await createKey(client(), options)).arn;
      });
      const { key, created } = await findOrCreateKey(slow, options);
      expect(created).to.equal(false);
      expect(key.arn).to.equal(other);
      const { keys } = await listKeysByTag(client(), { key: 'stage', value: 'raced' });
      expect(keys.map(({ arn }) => arn)).to.deep.equal([other]);
      slow.destroy();
    });

    it('hands out a disabled key: what to do with it is for its owner to say', async () => {
      const { key } = await findOrCreateKey(client(), { alias: 'alias/disabled' });
      await client().send(new DisableKeyCommand({ KeyId: key.arn }));
      const found = await findOrCreateKey(client(), { alias: 'alias/disabled' });
      expect(found).to.deep.include({ created: false, key: { ...key, state: 'Disabled' } });
    });

    it('makes and finds a key for MACs, from which ticket keys are derived', async () => {
      const options = { alias: 'alias/tickets', keySpec: 'HMAC_384' };
      const { key, created } = await findOrCreateKey(client(), options);
      expect(created).to.equal(true);
      expect(key).to.include({ keySpec: 'HMAC_384', keyUsage: 'GENERATE_VERIFY_MAC', state: 'Enabled' });
      expect(await findOrCreateKey(client(), options)).to.deep.equal({ key, created: false });

      await createKey(client(), { alias: 'alias/signs' });
      const usage = await rejectionOf(findOrCreateKey(client(), { ...options, alias: 'alias/signs' }));
      expect(usage).to.include({ code: 'ERR_S2N_PKEY_KMS_KEY_USAGE' });
      expect(usage).to.have.property('message').that.includes('no ticket keys can be made');
    });

    it('refuses a key of another kind under its alias', async () => {
      await createKey(client(), { alias: 'alias/rsa', keySpec: 'RSA_2048' });
      const spec = await rejectionOf(
        findOrCreateKey(client(), { alias: 'alias/rsa', keySpec: 'ECC_NIST_P384' }),
      );
      expect(spec).to.include({ code: 'ERR_S2N_PKEY_KMS_KEY_SPEC' });
      expect(spec).to.have.property('message').that.includes('RSA_2048 and not ECC_NIST_P384');

      const { KeyMetadata: mac } = await client().send(
        new CreateKeyCommand({ KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' }),
      );
      await client().send(new CreateAliasCommand({ AliasName: 'alias/mac', TargetKeyId: mac?.KeyId }));
      const usage = await rejectionOf(findOrCreateKey(client(), { alias: 'alias/mac' }));
      expect(usage).to.include({ code: 'ERR_S2N_PKEY_KMS_KEY_USAGE' });
      expect(usage).to.have.property('message').that.includes('GENERATE_VERIFY_MAC');
    });
  });

  describe('listKeysByTag', () => {
    it('finds all keys with a tag, through pages of keys and of tags', async () => {
      const tag = { key: 'team', value: 'web' };
      const many = { a: '1', b: '2', c: '3', team: 'web', z: '5' };
      const made = [
        await createKey(client(), { tags: many }),
        await createKey(client(), { tags: { team: 'web' } }),
        await createKey(client(), { tags: many }),
      ];
      await createKey(client(), { tags: { team: 'mobile' } });
      await createKey(client(), { tags: { other: 'web' } });
      await running().kms.resetCounters();
      const { keys, unreadable } = await listKeysByTag(client(), tag, { pageSize: 2 });
      expect(keys.map(({ arn }) => arn)).to.have.members(made.map(({ arn }) => arn));
      expect(unreadable).to.deep.equal([]);
      const listed = await requests('DescribeKey');
      expect(await requests('ListKeys'))
        .to.equal(Math.ceil(listed / 2))
        .and.be.above(2);
      expect(await requests('ListResourceTags')).to.be.above(listed / 2);
      expect(Object.fromEntries(await listTags(client(), made[0]?.arn ?? '', { pageSize: 2 }))).to.deep.equal(
        many,
      );
    });

    it('does not count a key pending deletion, nor one that cannot sign', async () => {
      const tag = { key: 'kind', value: 'useless' };
      const gone = await createKey(client(), { tags: { kind: 'useless' } });
      await scheduleKeyDeletion(client(), gone.arn);
      const { KeyMetadata: mac } = await client().send(
        new CreateKeyCommand({ KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' }),
      );
      const Tags = [{ TagKey: tag.key, TagValue: tag.value }];
      await client().send(new TagResourceCommand({ KeyId: mac?.KeyId, Tags }));
      expect(await listKeysByTag(client(), tag)).to.deep.equal({ keys: [], unreadable: [] });
    });

    it('names the keys that it may not look at, and goes on', async () => {
      const tag = { key: 'team', value: 'closed' };
      const hidden = await createKey(client(), { tags: { team: 'closed' } });
      const open = await createKey(client(), { tags: { team: 'closed' } });
      const limited = refusingClient(
        running().kms,
        'ListResourceTags',
        ({ KeyId: arn }) => arn === hidden.arn,
      );
      const found = await listKeysByTag(limited, tag);
      expect(found).to.deep.equal({ keys: [open], unreadable: [hidden.arn] });
      limited.destroy();
    });
  });

  describe('scheduleKeyDeletion', () => {
    it('has the key deleted in seven days, and takes its aliases away, all pages of them', async () => {
      const key = await createKey(client(), { alias: 'alias/doomed/0' });
      for (const n of [1, 2, 3, 4]) {
        await client().send(
          new CreateAliasCommand({ AliasName: `alias/doomed/${n}`, TargetKeyId: key.keyId }),
        );
      }
      await createKey(client(), { alias: 'alias/bystander' });
      const doomed = [0, 1, 2, 3, 4].map((n) => `alias/doomed/${n}`);
      expect(await listAliases(client(), key.arn, { pageSize: 2 })).to.have.members(doomed);

      const { arn, deletionDate, aliases } = await scheduleKeyDeletion(client(), 'alias/doomed/3');
      expect(arn).to.equal(key.arn);
      expect(aliases).to.have.members(doomed);
      const days = ((deletionDate?.getTime() ?? 0) - Date.now()) / 86_400_000;
      expect(days).to.be.within(6.99, 7.01);
      expect(await describeKey(client(), arn)).to.include({ state: 'PendingDeletion' });
      const left = await aliasNames();
      expect(left).not.to.include.members(['alias/doomed/0']);
      expect(left.filter((name) => name.startsWith('alias/doomed'))).to.deep.equal([]);
      expect(left).to.include('alias/bystander');
    });

    it('leaves a key that is pending deletion at its date, and still takes its aliases away', async () => {
      const { arn } = await createKey(client(), { alias: 'alias/twice' });
      await client().send(new ScheduleKeyDeletionCommand({ KeyId: arn, PendingWindowInDays: 20 }));
      const { deletionDate } = await describeKey(client(), arn);
      const again = await scheduleKeyDeletion(client(), arn);
      expect(again).to.deep.equal({ arn, deletionDate, aliases: ['alias/twice'] });
    });

    it('keeps the alias when the key may not be deleted', async () => {
      const { arn } = await createKey(client(), { alias: 'alias/protected' });
      const denied = refusingClient(running().kms, 'ScheduleKeyDeletion');
      const error = await rejectionOf(scheduleKeyDeletion(denied, arn));
      expect(error).to.include({ code: 'ERR_S2N_PKEY_KMS_ACCESS_DENIED', keyId: arn });
      expect(await findKey(client(), 'alias/protected')).to.include({ arn, state: 'Enabled' });
      denied.destroy();
    });

    it('waits up to thirty days, and no other number', async () => {
      const { arn } = await createKey(client());
      for (const pendingWindowInDays of [6, 31, 7.5, Number.NaN]) {
        const error = await rejectionOf(scheduleKeyDeletion(client(), arn, { pendingWindowInDays }));
        expect(error).to.include({ code: 'ERR_S2N_PKEY_INVALID_OPTION', option: 'pendingWindowInDays' });
      }
      const { deletionDate } = await scheduleKeyDeletion(client(), arn, { pendingWindowInDays: 30 });
      expect(((deletionDate?.getTime() ?? 0) - Date.now()) / 86_400_000).to.be.within(29.99, 30.01);
    });
  });

  it('keeps to the key when its alias has been moved', async () => {
    const first = await createKey(client(), { alias: 'alias/wandering' });
    const second = await createKey(client());
    await client().send(new UpdateAliasCommand({ AliasName: 'alias/wandering', TargetKeyId: second.keyId }));
    const { aliases } = await scheduleKeyDeletion(client(), first.arn);
    expect(aliases).to.deep.equal([]);
    expect(await findKey(client(), 'alias/wandering')).to.include({ arn: second.arn });
  });
});
