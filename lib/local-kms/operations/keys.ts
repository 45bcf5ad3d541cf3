import { randomUUID } from 'node:crypto';
import { ArnScope } from '../store/arn.ts';
import { authorize } from '../request/authorization.ts';
import { KmsException, unsupportedOperationException, validationException } from '../store/errors.ts';
import { AsymmetricKeyMaterial, generateMaterial } from '../store/key-material.ts';
import { isMultiRegion, type KeyRecord } from '../store/key-record.ts';
import { allKeySpecs, keySpecFacts, keyUsages, keyUsagesOf, type KeyUsage } from '../store/key-spec.ts';
import { boolean, list, oneOf, required, string } from '../request/request-shape.ts';
import {
  findKey,
  grantTokensMember,
  keyIdMember,
  operation,
  refuseGrantTokens,
  requireEnabled,
  timestamp,
  type Answer,
  type Kms,
} from './operation.ts';
import { limitMember, markerMember, paginate } from './pagination.ts';
import { checkPolicy, defaultPolicy, policyMember } from './policies.ts';
import { checkTags, tagMember } from './tags.ts';

function algorithmsOf(keySpec: string): Answer {
  const facts = keySpecFacts(keySpec);
  if (facts === undefined) return {};
  return facts.kind === 'hmac'
    ? { MacAlgorithms: facts.macAlgorithms }
    : { SigningAlgorithms: facts.signingAlgorithms };
}

function keyMetadata(record: KeyRecord, kms: Kms): Answer {
  const { deletionDate } = record;
  return {
    AWSAccountId: kms.arns.account,
    KeyId: record.keyId,
    Arn: kms.arns.keyArn(record.keyId),
    CreationDate: timestamp(record.creationDate),
    Enabled: record.keyState === 'Enabled',
    Description: record.description,
    KeyUsage: record.keyUsage,
    KeyState: record.keyState,
    ...(deletionDate === undefined ? {} : { DeletionDate: timestamp(deletionDate) }),
    Origin: record.isExternal === true ? 'EXTERNAL' : 'AWS_KMS',
    ...expiration(record),
    KeyManager: 'CUSTOMER',
    CustomerMasterKeySpec: record.keySpec,
    KeySpec: record.keySpec,
    ...algorithmsOf(record.keySpec),
    MultiRegion: isMultiRegion(record),
    ...multiRegionConfiguration(record, kms),
  };
}

/** Of a key with imported material. */
function expiration({ isExternal, material, imported }: KeyRecord): Answer {
  if (isExternal !== true || material === undefined) return {};
  const { validTo } = imported ?? {};
  return validTo === undefined
    ? { ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE' }
    : { ExpirationModel: 'KEY_MATERIAL_EXPIRES', ValidTo: timestamp(validTo) };
}

/** A primary key does not know of its replicas here: they are other processes' (`--replicas-of`). */
function multiRegionConfiguration({ keyId, primaryRegion }: KeyRecord, { arns }: Kms): Answer {
  if (primaryRegion === undefined) return {};
  const isPrimary = primaryRegion === arns.region;
  const keyIn = (region: string): Answer => ({
    Arn: new ArnScope(region, arns.account).keyArn(keyId),
    Region: region,
  });
  return {
    MultiRegionConfiguration: {
      MultiRegionKeyType: isPrimary ? 'PRIMARY' : 'REPLICA',
      PrimaryKey: keyIn(primaryRegion),
      ReplicaKeys: isPrimary ? [] : [keyIn(arns.region)],
    },
  };
}

/** The usage of a key to be made. Throws where the real service refuses, and where this one cannot follow it. */
function usageOf(keySpec: string, given: KeyUsage | undefined): KeyUsage {
  const keyUsage = given ?? (keySpec === 'SYMMETRIC_DEFAULT' ? 'ENCRYPT_DECRYPT' : undefined);
  if (keyUsage === undefined) {
    throw validationException(
      'You must specify a KeyUsage value for all KMS keys except for symmetric encryption keys.',
    );
  }
  if (!keyUsagesOf(keySpec).includes(keyUsage)) {
    throw validationException(`KeyUsage ${keyUsage} is not compatible with KeySpec ${keySpec}`);
  }
  if (keyUsage !== 'SIGN_VERIFY' && keyUsage !== 'GENERATE_VERIFY_MAC') {
    throw unsupportedOperationException(
      `The local KMS has no keys of KeyUsage ${keyUsage} (KeySpec ${keySpec}).`,
    );
  }
  return keyUsage;
}

export const createKey = operation(
  'CreateKey',
  {
    Policy: policyMember,
    Description: string({ max: 8192 }),
    KeyUsage: oneOf(keyUsages),
    CustomerMasterKeySpec: oneOf(allKeySpecs),
    KeySpec: oneOf(allKeySpecs),
    Origin: oneOf(['AWS_KMS', 'EXTERNAL', 'AWS_CLOUDHSM', 'EXTERNAL_KEY_STORE']),
    CustomKeyStoreId: string({ min: 1, max: 64 }),
    BypassPolicyLockoutSafetyCheck: boolean,
    Tags: list(tagMember),
    MultiRegion: boolean,
    XksKeyId: string({ min: 1, max: 128, pattern: '^[a-zA-Z0-9-_.]+$' }),
  },
  async (input, kms) => {
    if (input.KeySpec !== undefined && input.CustomerMasterKeySpec !== undefined) {
      throw validationException('You cannot specify KeySpec and CustomerMasterKeySpec in the same request.');
    }
    const keySpec = input.KeySpec ?? input.CustomerMasterKeySpec ?? 'SYMMETRIC_DEFAULT';
    const keyUsage = usageOf(keySpec, input.KeyUsage);
    const facts = keySpecFacts(keySpec);
    if (facts === undefined)
      throw unsupportedOperationException(`The local KMS has no keys of KeySpec ${keySpec}.`);
    const { Origin: origin = 'AWS_KMS' } = input;
    const isExternal = origin === 'EXTERNAL';
    if (
      (origin !== 'AWS_KMS' && !isExternal) ||
      input.CustomKeyStoreId !== undefined ||
      input.XksKeyId !== undefined
    ) {
      throw unsupportedOperationException('The local KMS has no custom key stores.');
    }
    if (isExternal && facts.kind === 'ml-dsa') {
      throw unsupportedOperationException(`The local KMS imports no key material of KeySpec ${keySpec}.`);
    }
    const tags = checkTags({}, input.Tags ?? []);
    if (input.Policy !== undefined) checkPolicy(input.Policy);

    const record: KeyRecord = {
      ...(input.MultiRegion === true
        ? { keyId: `mrk-${randomUUID().replaceAll('-', '')}`, primaryRegion: kms.arns.region }
        : { keyId: randomUUID() }),
      keySpec,
      keyUsage,
      keyState: isExternal ? 'PendingImport' : 'Enabled',
      description: input.Description ?? '',
      creationDate: kms.now(),
      tags,
      policy: input.Policy ?? defaultPolicy(kms.arns),
      ...(isExternal ? { isExternal } : { material: await generateMaterial(facts) }),
    };
    await kms.store.addKey(record);
    return { KeyMetadata: keyMetadata(record, kms) };
  },
);

export const describeKey = operation(
  'DescribeKey',
  { KeyId: required(keyIdMember), GrantTokens: grantTokensMember },
  (input, kms) => {
    const { record } = findKey(kms, input.KeyId, 'DescribeKey', true);
    refuseGrantTokens(input.GrantTokens);
    authorize(record, kms.arns, 'DescribeKey');
    return { KeyMetadata: keyMetadata(record, kms) };
  },
);

export const listKeys = operation('ListKeys', { Limit: limitMember, Marker: markerMember }, (input, kms) => {
  const { items, truncation } = paginate(kms.store.keyIds(), (keyId) => keyId, input, 100);
  return { Keys: items.map((keyId) => ({ KeyId: keyId, KeyArn: kms.arns.keyArn(keyId) })), ...truncation };
});

export const getPublicKey = operation(
  'GetPublicKey',
  { KeyId: required(keyIdMember), GrantTokens: grantTokensMember },
  (input, kms) => {
    const { record, facts, material } = findKey(kms, input.KeyId, 'GetPublicKey', true);
    const arn = kms.arns.keyArn(record.keyId);
    refuseGrantTokens(input.GrantTokens);
    authorize(record, kms.arns, 'GetPublicKey');
    if (facts.kind !== 'hmac') requireEnabled(record, arn);
    if (!(material instanceof AsymmetricKeyMaterial)) {
      throw new KmsException('UnsupportedOperationException', `${arn} is not an asymmetric key.`);
    }
    return {
      KeyId: arn,
      PublicKey: material.publicKey,
      CustomerMasterKeySpec: record.keySpec,
      KeySpec: record.keySpec,
      KeyUsage: record.keyUsage,
      ...algorithmsOf(record.keySpec),
    };
  },
);
