import { createPublicKey } from 'node:crypto';
import {
  CreateKeyCommand,
  DescribeKeyCommand,
  GetPublicKeyCommand,
  ListKeysCommand,
  paginateListKeys,
  type CreateKeyCommandInput,
  type KeySpec,
} from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { createKey, defined, refusal, runningKms } from './running-kms.ts';

const rsaAlgorithms = [
  'RSASSA_PKCS1_V1_5_SHA_256',
  'RSASSA_PKCS1_V1_5_SHA_384',
  'RSASSA_PKCS1_V1_5_SHA_512',
  'RSASSA_PSS_SHA_256',
  'RSASSA_PSS_SHA_384',
  'RSASSA_PSS_SHA_512',
];

describe('local KMS: keys', () => {
  const running = runningKms({ account: '111122223333', region: 'eu-west-1' });

  it('makes a signing key and describes it as the real service does', async () => {
    const { client } = running();
    const before = Date.now();
    const { KeyMetadata: metadata } = await client.send(
      new CreateKeyCommand({ KeySpec: 'ECC_NIST_P384', KeyUsage: 'SIGN_VERIFY', Description: 'for a test' }),
    );
    const keyId = defined(metadata?.KeyId);
    expect(keyId).to.match(/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/);
    expect(metadata?.CreationDate?.getTime()).to.be.within(before - 1, Date.now() + 1);
    expect(metadata).to.deep.include({
      AWSAccountId: '111122223333',
      Arn: `arn:aws:kms:eu-west-1:111122223333:key/${keyId}`,
      CustomerMasterKeySpec: 'ECC_NIST_P384',
      Description: 'for a test',
      Enabled: true,
      KeyManager: 'CUSTOMER',
      KeySpec: 'ECC_NIST_P384',
      KeyState: 'Enabled',
      KeyUsage: 'SIGN_VERIFY',
      MultiRegion: false,
      Origin: 'AWS_KMS',
      SigningAlgorithms: ['ECDSA_SHA_384'],
    });
    expect(metadata).not.to.have.any.keys('DeletionDate', 'MacAlgorithms', 'EncryptionAlgorithms');
    const described = await client.send(new DescribeKeyCommand({ KeyId: keyId }));
    expect(described.KeyMetadata).to.deep.equal(metadata);
  });

  for (const [keySpec, type, detail, algorithms] of [
    ['RSA_2048', 'rsa', { modulusLength: 2048 }, rsaAlgorithms],
    ['RSA_3072', 'rsa', { modulusLength: 3072 }, rsaAlgorithms],
    ['RSA_4096', 'rsa', { modulusLength: 4096 }, rsaAlgorithms],
    ['ECC_NIST_P256', 'ec', { namedCurve: 'prime256v1' }, ['ECDSA_SHA_256']],
    ['ECC_NIST_P384', 'ec', { namedCurve: 'secp384r1' }, ['ECDSA_SHA_384']],
    ['ECC_NIST_P521', 'ec', { namedCurve: 'secp521r1' }, ['ECDSA_SHA_512']],
  ] as const) {
    it(`gives the public key of ${keySpec} as a DER SubjectPublicKeyInfo`, async () => {
      const { client } = running();
      const { keyId, arn } = await createKey(client, keySpec);
      const answer = await client.send(new GetPublicKeyCommand({ KeyId: keyId }));
      expect(answer).to.deep.include({
        KeyId: arn,
        KeySpec: keySpec,
        CustomerMasterKeySpec: keySpec,
        KeyUsage: 'SIGN_VERIFY',
        SigningAlgorithms: [...algorithms],
      });
      const spki = Buffer.from(defined(answer.PublicKey));
      const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
      expect(key.asymmetricKeyType).to.equal(type);
      expect(key.asymmetricKeyDetails).to.include(detail);
      expect(key.export({ format: 'der', type: 'spki' })).to.deep.equal(spki);
    });
  }

  it('goes on answering while an RSA-4096 key is made', async () => {
    const { client } = running();
    const made = createKey(client, 'RSA_4096').then(() => 'made');
    const ask = (): Promise<string> => client.send(new ListKeysCommand({ Limit: 1 })).then(() => 'answered');
    let answeredMeanwhile = 0;
    while ((await Promise.race([made, ask()])) === 'answered') answeredMeanwhile += 1;
    expect(answeredMeanwhile).to.be.greaterThan(3);
  });

  it('has no public key for an HMAC key', async () => {
    const { client } = running();
    const { keyId } = await createKey(client, 'HMAC_256');
    const refused = await refusal(client.send(new GetPublicKeyCommand({ KeyId: keyId })));
    expect(refused).to.include({ name: 'UnsupportedOperationException', status: 400 });
  });

  it('finds a key by its id and by its ARN', async () => {
    const { client } = running();
    const { keyId, arn } = await createKey(client, 'ECC_NIST_P256');
    for (const KeyId of [keyId, arn]) {
      const { KeyMetadata: metadata } = await client.send(new DescribeKeyCommand({ KeyId }));
      expect(metadata?.Arn).to.equal(arn);
    }
  });

  describe('names what it cannot find', () => {
    const id = 'd3b95762-d3b9-5762-d3b9-5762d3b95762';
    const arn = `arn:aws:kms:eu-west-1:111122223333:key/${id}`;
    for (const [title, KeyId, name, message] of [
      ['an id that is no key', id, 'NotFoundException', `Key '${arn}' does not exist`],
      ['an ARN that is no key', arn, 'NotFoundException', `Key '${arn}' does not exist`],
      ['what is no id', 'fake-key-id', 'NotFoundException', "Invalid keyId 'fake-key-id'"],
      [
        'an ARN of another Region',
        arn.replace('eu-west-1', 'us-east-2'),
        'NotFoundException',
        'Invalid arn us-east-2',
      ],
      [
        'an alias that is not there',
        'alias/none',
        'NotFoundException',
        'Alias arn:aws:kms:eu-west-1:111122223333:alias/none is not found.',
      ],
      [
        'an ARN of another service',
        `arn:aws:s3:::${id}`,
        'InvalidArnException',
        `Invalid arn arn:aws:s3:::${id}`,
      ],
    ] as const) {
      it(title, async () => {
        const refused = await refusal(running().client.send(new DescribeKeyCommand({ KeyId })));
        expect(refused).to.deep.equal({ name, message, status: 400 });
      });
    }

    it("another account's key, which it may not see", async () => {
      const KeyId = arn.replace('111122223333', '999900001111');
      const refused = await refusal(running().client.send(new DescribeKeyCommand({ KeyId })));
      expect(refused.name).to.equal('AccessDeniedException');
      expect(refused.message).to.contain('is not authorized to perform: kms:DescribeKey').and.contain(KeyId);
    });
  });

  describe('refuses keys it does not make, rather than making something else', () => {
    for (const [title, input, name, message] of [
      [
        'no KeyUsage',
        { KeySpec: 'RSA_2048' },
        'ValidationException',
        'You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.',
      ],
      [
        'a usage that the spec has not',
        { KeySpec: 'HMAC_224', KeyUsage: 'ENCRYPT_DECRYPT' },
        'ValidationException',
        'KeyUsage ENCRYPT_DECRYPT is not compatible with KeySpec HMAC_224',
      ],
      [
        'RSA keys for encryption',
        { KeySpec: 'RSA_2048', KeyUsage: 'ENCRYPT_DECRYPT' },
        'UnsupportedOperationException',
        'The local KMS has no keys of KeyUsage ENCRYPT_DECRYPT (KeySpec RSA_2048).',
      ],
      ...(['ECC_SECG_P256K1', 'SM2'] as const).map(
        (KeySpec) =>
          [
            KeySpec,
            { KeySpec, KeyUsage: 'SIGN_VERIFY' },
            'UnsupportedOperationException',
            `The local KMS has no keys of KeySpec ${KeySpec}.`,
          ] as const,
      ),
      [
        'a symmetric key, the default',
        {},
        'UnsupportedOperationException',
        'The local KMS has no keys of KeyUsage ENCRYPT_DECRYPT (KeySpec SYMMETRIC_DEFAULT).',
      ],
      [
        'a key in a key store of the customer',
        { KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY', Origin: 'AWS_CLOUDHSM' },
        'UnsupportedOperationException',
        'The local KMS has no custom key stores.',
      ],
    ] as const satisfies readonly (readonly [string, CreateKeyCommandInput, string, string])[]) {
      it(title, async () => {
        const refused = await refusal(running().client.send(new CreateKeyCommand(input)));
        expect(refused).to.deep.equal({ name, message, status: 400 });
      });
    }

    it('a spec that nobody has, saying which there are', async () => {
      const spec = 'ECC_CURVE_25519' as KeySpec;
      const refused = await refusal(
        running().client.send(new CreateKeyCommand({ KeySpec: spec, KeyUsage: 'SIGN_VERIFY' })),
      );
      expect(refused.name).to.equal('ValidationException');
      expect(refused.message).to.match(
        /^1 validation error detected: Value 'ECC_CURVE_25519' at 'keySpec' failed to satisfy constraint: Member must satisfy enum value set: \[.*ECC_NIST_P384.*\]$/,
      );
    });
  });

  describe('lists keys by pages', () => {
    const own = runningKms();
    const made: string[] = [];
    before(async () => {
      for (let i = 0; i < 7; i++) made.push((await createKey(own().client, 'ECC_NIST_P256')).keyId);
      made.sort();
    });

    it('all at once where they fit', async () => {
      const { client } = own();
      const { Keys: keys = [], Truncated, NextMarker } = await client.send(new ListKeysCommand({}));
      expect(keys.map((key) => key.KeyId)).to.deep.equal(made);
      expect(keys[0]?.KeyArn).to.equal(`arn:aws:kms:us-east-1:000000000000:key/${made[0]}`);
      expect(Truncated).to.equal(false);
      expect(NextMarker).to.equal(undefined);
    });

    it("each key once, through the SDK's paginator", async () => {
      const pages: (string | undefined)[][] = [];
      for await (const page of paginateListKeys({ client: own().client, pageSize: 3 }, {})) {
        pages.push((page.Keys ?? []).map((key) => key.KeyId));
      }
      expect(pages.map((page) => page.length)).to.deep.equal([3, 3, 1]);
      expect(pages.flat()).to.deep.equal(made);
    });

    it('and refuses a marker that it did not give', async () => {
      const refused = await refusal(own().client.send(new ListKeysCommand({ Marker: 'not-a-marker' })));
      expect(refused).to.deep.equal({
        name: 'InvalidMarkerException',
        message: "Could not deserialize marker 'not-a-marker'",
        status: 400,
      });
    });

    it('and a limit out of range', async () => {
      for (const [Limit, constraint] of [
        [0, 'greater than or equal to 1'],
        [1001, 'less than or equal to 1000'],
      ] as const) {
        const refused = await refusal(own().client.send(new ListKeysCommand({ Limit })));
        expect(refused.message).to.equal(
          `1 validation error detected: Value '${Limit}' at 'limit' failed to satisfy constraint: ` +
            `Member must have value ${constraint}`,
        );
      }
    });
  });
});
