import {
  CreateKeyCommand,
  GetKeyPolicyCommand,
  GetPublicKeyCommand,
  ListKeyPoliciesCommand,
  ListResourceTagsCommand,
  paginateListResourceTags,
  PutKeyPolicyCommand,
  SignCommand,
  TagResourceCommand,
  UntagResourceCommand,
  type KMSClient,
  type Tag,
} from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { createKey, defined, refusal, runningKms } from './running-kms.ts';

async function tagsOf(client: KMSClient, KeyId: string): Promise<Tag[]> {
  return (await client.send(new ListResourceTagsCommand({ KeyId }))).Tags ?? [];
}

describe('local KMS: tags', () => {
  const running = runningKms();

  it('come with a new key, are added, changed and taken off', async () => {
    const { client } = running();
    const { KeyMetadata: metadata } = await client.send(
      new CreateKeyCommand({
        KeySpec: 'ECC_NIST_P256',
        KeyUsage: 'SIGN_VERIFY',
        Tags: [{ TagKey: 'purpose', TagValue: 'test' }],
      }),
    );
    const KeyId = defined(metadata?.KeyId);
    expect(await tagsOf(client, KeyId)).to.deep.equal([{ TagKey: 'purpose', TagValue: 'test' }]);
    const Tags = [
      { TagKey: 'purpose', TagValue: 'demo' },
      { TagKey: '__proto__', TagValue: '' },
    ];
    await client.send(new TagResourceCommand({ KeyId, Tags }));
    expect(await tagsOf(client, KeyId)).to.deep.equal([
      { TagKey: '__proto__', TagValue: '' },
      { TagKey: 'purpose', TagValue: 'demo' },
    ]);
    await client.send(new UntagResourceCommand({ KeyId, TagKeys: ['__proto__', 'never there'] }));
    expect(await tagsOf(client, KeyId)).to.deep.equal([{ TagKey: 'purpose', TagValue: 'demo' }]);
  });

  it('have limits', async () => {
    const { client } = running();
    const { keyId: KeyId } = await createKey(client, 'ECC_NIST_P256');
    const tag = (Tags: Tag[]): Promise<{ name: string; message: string }> =>
      refusal(client.send(new TagResourceCommand({ KeyId, Tags })));
    const twice = await tag([
      { TagKey: 'a', TagValue: '1' },
      { TagKey: 'a', TagValue: '2' },
    ]);
    expect(twice).to.include({ name: 'TagException', message: 'Duplicate tag keys' });
    const reserved = await tag([{ TagKey: 'AWS:mine', TagValue: '' }]);
    expect(reserved).to.include({ name: 'TagException', message: 'Tags beginning with aws: are reserved' });
    const longKey = 'k'.repeat(129);
    expect((await tag([{ TagKey: longKey, TagValue: '' }])).message).to.equal(
      `1 validation error detected: Value '${longKey}' at 'tags.1.member.tagKey' failed to satisfy constraint: ` +
        'Member must have length less than or equal to 128',
    );
    const longValue = 'v'.repeat(257);
    const good = { TagKey: 'good', TagValue: '' };
    expect((await tag([good, { TagKey: 'b', TagValue: longValue }])).message).to.equal(
      `1 validation error detected: Value '${longValue}' at 'tags.2.member.tagValue' failed to satisfy constraint: ` +
        'Member must have length less than or equal to 256',
    );
    expect(await tagsOf(client, KeyId)).to.deep.equal([]);

    const fifty = Array.from({ length: 50 }, (_, index) => ({ TagKey: `tag-${index}`, TagValue: 'x' }));
    await client.send(new TagResourceCommand({ KeyId, Tags: fifty }));
    expect(await tag([good])).to.include({ name: 'TagException', message: 'Too many tags' });

    const pages: number[] = [];
    for await (const page of paginateListResourceTags({ client, pageSize: 25 }, { KeyId })) {
      pages.push(page.Tags?.length ?? 0);
    }
    expect(pages).to.deep.equal([25, 25]);
  });
});

describe('local KMS: key policies', () => {
  const running = runningKms({ account: '111122223333' });

  it("allow the account everything unless another is given, as the real service's do", async () => {
    const { client } = running();
    const { keyId: KeyId } = await createKey(client, 'ECC_NIST_P256');
    const { Policy: policy, PolicyName } = await client.send(new GetKeyPolicyCommand({ KeyId }));
    expect(PolicyName).to.equal('default');
    expect(JSON.parse(defined(policy))).to.deep.equal({
      Version: '2012-10-17',
      Id: 'key-default-1',
      Statement: [
        {
          Sid: 'Enable IAM User Permissions',
          Effect: 'Allow',
          Principal: { AWS: 'arn:aws:iam::111122223333:root' },
          Action: 'kms:*',
          Resource: '*',
        },
      ],
    });
    const listed = await client.send(new ListKeyPoliciesCommand({ KeyId }));
    expect(listed).to.deep.include({ PolicyNames: ['default'], Truncated: false });
  });

  it('are kept as they are put', async () => {
    const { client } = running();
    const { keyId: KeyId } = await createKey(client, 'ECC_NIST_P256');
    const Policy = '{ "Version": "2012-10-17",\n "Statement": [] }';
    await client.send(new PutKeyPolicyCommand({ KeyId, PolicyName: 'default', Policy }));
    expect((await client.send(new GetKeyPolicyCommand({ KeyId }))).Policy).to.equal(Policy);
  });

  it('that deny signing, or do not allow it, have it refused: alone under the conditions they name', async () => {
    const { client } = running();
    const { keyId: KeyId, arn } = await createKey(client, 'RSA_2048');
    const allow = { Effect: 'Allow', Principal: { AWS: '*' }, Action: 'kms:*', Resource: '*' };
    const put = (...Statement: object[]): Promise<unknown> =>
      client.send(new PutKeyPolicyCommand({ KeyId, Policy: JSON.stringify({ Statement }) }));
    const sign = (SigningAlgorithm: 'RSASSA_PSS_SHA_256' | 'RSASSA_PKCS1_V1_5_SHA_256', DryRun = true) =>
      refusal(
        client.send(
          new SignCommand({
            KeyId,
            Message: Buffer.alloc(32),
            MessageType: 'DIGEST',
            SigningAlgorithm,
            DryRun,
          }),
        ),
      );

    await put(allow, { Effect: 'Deny', Principal: '*', Action: ['kms:Sign'], Resource: '*' });
    expect(await sign('RSASSA_PSS_SHA_256')).to.deep.include({
      name: 'AccessDeniedException',
      message:
        `User: arn:aws:iam::111122223333:root is not authorized to perform: kms:Sign on resource: ${arn} ` +
        'with an explicit deny in a resource-based policy',
    });
    await client.send(new GetPublicKeyCommand({ KeyId }));

    await put({
      ...allow,
      Action: 'kms:Sign',
      Condition: { StringEquals: { 'kms:SigningAlgorithm': ['RSASSA_PSS_SHA_256'] } },
    });
    expect((await sign('RSASSA_PSS_SHA_256')).name).to.equal('DryRunOperationException');
    expect((await sign('RSASSA_PKCS1_V1_5_SHA_256', false)).name).to.equal('AccessDeniedException');
    const unread = await refusal(client.send(new GetPublicKeyCommand({ KeyId })));
    expect(unread.message).to.contain('because no resource-based policy allows the kms:GetPublicKey action');

    const other = { ...allow, Principal: { AWS: 'arn:aws:iam::999999999999:root' } };
    await put(allow, { ...other, Effect: 'Deny' });
    expect((await sign('RSASSA_PSS_SHA_256')).name).to.equal('DryRunOperationException');
  });

  it('are refused where they are none', async () => {
    const { client } = running();
    const { keyId: KeyId } = await createKey(client, 'ECC_NIST_P256');
    const malformed = await refusal(client.send(new PutKeyPolicyCommand({ KeyId, Policy: 'allow all' })));
    expect(malformed.name).to.equal('MalformedPolicyDocumentException');
    const long = JSON.stringify({ Statement: 'x'.repeat(32 * 1024) });
    const tooLong = await refusal(client.send(new PutKeyPolicyCommand({ KeyId, Policy: long })));
    expect(tooLong.name).to.equal('LimitExceededException');
    const other = await refusal(client.send(new GetKeyPolicyCommand({ KeyId, PolicyName: 'other' })));
    expect(other).to.include({ name: 'NotFoundException', message: 'No such policy exists' });
  });
});
