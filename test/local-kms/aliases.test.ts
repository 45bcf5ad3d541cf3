import {
  CreateAliasCommand,
  DeleteAliasCommand,
  DescribeKeyCommand,
  EnableKeyCommand,
  ListAliasesCommand,
  paginateListAliases,
  ScheduleKeyDeletionCommand,
  SignCommand,
  UpdateAliasCommand,
} from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { createKey, randomMessage, refusal, runningKms } from './running-kms.ts';

const arnOf = (aliasName: string): string => `arn:aws:kms:us-east-1:000000000000:${aliasName}`;

describe('local KMS: aliases', () => {
  const running = runningKms();

  it('name a key wherever a key can be named by alias, by name and by ARN', async () => {
    const { client } = running();
    const { keyId, arn } = await createKey(client, 'ECC_NIST_P256');
    await client.send(new CreateAliasCommand({ AliasName: 'alias/site', TargetKeyId: arn }));
    for (const KeyId of ['alias/site', arnOf('alias/site')]) {
      const { KeyMetadata: metadata } = await client.send(new DescribeKeyCommand({ KeyId }));
      expect(metadata?.KeyId).to.equal(keyId);
      const signed = await client.send(
        new SignCommand({ KeyId, Message: randomMessage(), SigningAlgorithm: 'ECDSA_SHA_256' }),
      );
      expect(signed.KeyId).to.equal(arn);
    }
  });

  it('do not name a key where the real service wants its id or ARN', async () => {
    const { client } = running();
    const refused = await refusal(client.send(new EnableKeyCommand({ KeyId: 'alias/site' })));
    expect(refused).to.deep.equal({
      name: 'NotFoundException',
      message: "Invalid keyId 'alias/site'",
      status: 400,
    });
  });

  it('are listed with their target and dates', async () => {
    const { client } = running();
    const { keyId } = await createKey(client, 'ECC_NIST_P256');
    const before = Date.now();
    await client.send(new CreateAliasCommand({ AliasName: 'alias/listed', TargetKeyId: keyId }));
    const { Aliases: aliases = [], Truncated } = await client.send(new ListAliasesCommand({ KeyId: keyId }));
    expect(Truncated).to.equal(false);
    expect(aliases).to.have.length(1);
    expect(aliases[0]).to.include({
      AliasName: 'alias/listed',
      AliasArn: arnOf('alias/listed'),
      TargetKeyId: keyId,
    });
    expect(aliases[0]?.CreationDate?.getTime()).to.be.within(before - 1, Date.now() + 1);
    expect(aliases[0]?.LastUpdatedDate).to.deep.equal(aliases[0]?.CreationDate);
  });

  it('are refused a second time', async () => {
    const { client } = running();
    const { keyId } = await createKey(client, 'ECC_NIST_P256');
    const command = new CreateAliasCommand({ AliasName: 'alias/once', TargetKeyId: keyId });
    await client.send(command);
    expect(await refusal(client.send(command))).to.deep.equal({
      name: 'AlreadyExistsException',
      message: `An alias with the name ${arnOf('alias/once')} already exists`,
      status: 400,
    });
  });

  it('given to two keys at once, go to one of them', async () => {
    const { client } = running();
    const keys = await Promise.all([createKey(client, 'ECC_NIST_P256'), createKey(client, 'ECC_NIST_P256')]);
    const results = await Promise.allSettled(
      keys.map(({ keyId: TargetKeyId }) =>
        client.send(new CreateAliasCommand({ AliasName: 'alias/race', TargetKeyId })),
      ),
    );
    expect(results.map((result) => result.status).sort()).to.deep.equal(['fulfilled', 'rejected']);
  });

  it('can be repointed to a key of the same usage, and to no other', async () => {
    const { client } = running();
    const first = await createKey(client, 'ECC_NIST_P256');
    const second = await createKey(client, 'ECC_NIST_P384');
    const hmac = await createKey(client, 'HMAC_256');
    const AliasName = 'alias/moves';
    await client.send(new CreateAliasCommand({ AliasName, TargetKeyId: first.keyId }));
    await client.send(new UpdateAliasCommand({ AliasName, TargetKeyId: second.keyId }));
    const { KeyMetadata: metadata } = await client.send(new DescribeKeyCommand({ KeyId: AliasName }));
    expect(metadata?.KeyId).to.equal(second.keyId);
    const refused = await refusal(
      client.send(new UpdateAliasCommand({ AliasName, TargetKeyId: hmac.keyId })),
    );
    expect(refused.name).to.equal('ValidationException');
    const none = await refusal(
      client.send(new UpdateAliasCommand({ AliasName: 'alias/none', TargetKeyId: first.keyId })),
    );
    expect(none).to.include({
      name: 'NotFoundException',
      message: `Alias ${arnOf('alias/none')} is not found.`,
    });
  });

  it('are gone when deleted, and cannot be deleted twice', async () => {
    const { client } = running();
    const { keyId: TargetKeyId } = await createKey(client, 'ECC_NIST_P256');
    const AliasName = 'alias/gone';
    await client.send(new CreateAliasCommand({ AliasName, TargetKeyId }));
    await client.send(new DeleteAliasCommand({ AliasName }));
    const expected = {
      name: 'NotFoundException',
      message: `Alias ${arnOf(AliasName)} is not found.`,
      status: 400,
    };
    expect(await refusal(client.send(new DescribeKeyCommand({ KeyId: AliasName })))).to.deep.equal(expected);
    expect(await refusal(client.send(new DeleteAliasCommand({ AliasName })))).to.deep.equal(expected);
  });

  it('have names of a form', async () => {
    const { client } = running();
    const { keyId: TargetKeyId } = await createKey(client, 'ECC_NIST_P256');
    const create = (AliasName: string): Promise<{ name: string; message: string }> =>
      refusal(client.send(new CreateAliasCommand({ AliasName, TargetKeyId })));
    const prefix =
      'Alias must start with the prefix "alias/". Please see https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html';
    expect(await create('site')).to.include({ name: 'ValidationException', message: prefix });
    expect(await create('alias/')).to.include({ name: 'ValidationException', message: prefix });
    expect(await create('alias/aws/mine')).to.include({ name: 'NotAuthorizedException' });
    expect((await create('alias/no:colon')).name).to.equal('ValidationException');
    const spaced = await create('alias/no space');
    expect(spaced.message).to.equal(
      "1 validation error detected: Value 'alias/no space' at 'aliasName' failed to satisfy constraint: " +
        'Member must satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$',
    );
    const long = await create(`alias/${'x'.repeat(251)}`);
    expect(long.message).to.contain("at 'aliasName'").and.contain('length less than or equal to 256');
  });

  it('refer to keys that are there, and not to aliases', async () => {
    const { client } = running();
    const AliasName = 'alias/dangling';
    const none = 'd3b95762-d3b9-5762-d3b9-5762d3b95762';
    const absent = await refusal(client.send(new CreateAliasCommand({ AliasName, TargetKeyId: none })));
    expect(absent.message).to.equal(`Key 'arn:aws:kms:us-east-1:000000000000:key/${none}' does not exist`);
    const alias = await refusal(
      client.send(new CreateAliasCommand({ AliasName, TargetKeyId: 'alias/site' })),
    );
    expect(alias).to.include({
      name: 'ValidationException',
      message: 'Aliases must refer to keys. Not aliases',
    });
  });

  it('cannot be made for a key pending deletion', async () => {
    const { client } = running();
    const { keyId, arn } = await createKey(client, 'ECC_NIST_P256');
    await client.send(new ScheduleKeyDeletionCommand({ KeyId: keyId }));
    const refused = await refusal(
      client.send(new CreateAliasCommand({ AliasName: 'alias/too-late', TargetKeyId: keyId })),
    );
    expect(refused).to.include({ name: 'KMSInvalidStateException', message: `${arn} is pending deletion.` });
  });

  it('are fifty to a key at most', async () => {
    const { client } = running();
    const { keyId: TargetKeyId } = await createKey(client, 'ECC_NIST_P256');
    const create = (index: number): Promise<unknown> =>
      client.send(
        new CreateAliasCommand({ AliasName: `alias/many-${String(index).padStart(2, '0')}`, TargetKeyId }),
      );
    await Promise.all(Array.from({ length: 50 }, (_, index) => create(index)));
    expect((await refusal(create(50))).name).to.equal('LimitExceededException');

    const pages: (string | undefined)[][] = [];
    for await (const page of paginateListAliases({ client, pageSize: 20 }, { KeyId: TargetKeyId })) {
      pages.push((page.Aliases ?? []).map((alias) => alias.AliasName));
    }
    expect(pages.map((page) => page.length)).to.deep.equal([20, 20, 10]);
    expect(new Set(pages.flat()).size).to.equal(50);
  });
});
