import { KmsException, notFoundException, validationException } from '../store/errors.ts';
import type { AliasRecord } from '../store/key-record.ts';
import type { StoredKey } from '../store/key-store.ts';
import { required, string } from '../request/request-shape.ts';
import { findKey, keyIdMember, operation, refusePendingDeletion, timestamp, type Kms } from './operation.ts';
import { limitMember, markerMember, paginate } from './pagination.ts';

const aliasNameMember = string({ min: 1, max: 256, pattern: '^[a-zA-Z0-9:/_-]+$' });

/** Quota "Aliases per KMS key". */
const aliasesPerKey = 50;

/** Refuses names that are no aliases of a customer's. */
function checkAliasName(aliasName: string): void {
  if (!aliasName.startsWith('alias/') || aliasName === 'alias/') {
    throw validationException(
      'Alias must start with the prefix "alias/". Please see ' +
        'https://docs.aws.amazon.com/kms/latest/developerguide/kms-alias.html',
    );
  }
  if (aliasName.startsWith('alias/aws/')) throw new KmsException('NotAuthorizedException');
  if (aliasName.includes(':')) {
    throw validationException(`${aliasName} contains invalid characters for an alias`);
  }
}

/** The key an alias is to name. */
function targetOf(kms: Kms, targetKeyId: string, operationName: string): StoredKey {
  if ('aliasName' in kms.arns.parse(targetKeyId, operationName)) {
    throw validationException('Aliases must refer to keys. Not aliases');
  }
  const key = findKey(kms, targetKeyId, operationName, false);
  refusePendingDeletion(key.record, kms.arns.keyArn(key.record.keyId));
  return key;
}

function checkQuota(aliases: ReadonlyMap<string, AliasRecord>, keyId: string): void {
  const count = [...aliases.values()].filter((alias) => alias.targetKeyId === keyId).length;
  if (count >= aliasesPerKey) {
    throw new KmsException('LimitExceededException', `A key can have at most ${aliasesPerKey} aliases.`);
  }
}

function aliasNotFound(kms: Kms, aliasName: string): KmsException {
  return notFoundException(`Alias ${kms.arns.aliasArn(aliasName)} is not found.`);
}

export const createAlias = operation(
  'CreateAlias',
  { AliasName: required(aliasNameMember), TargetKeyId: required(keyIdMember) },
  async (input, kms) => {
    const { AliasName: aliasName } = input;
    checkAliasName(aliasName);
    await kms.store.changeAliases((aliases) => {
      const { record } = targetOf(kms, input.TargetKeyId, 'CreateAlias');
      if (aliases.has(aliasName)) {
        throw new KmsException(
          'AlreadyExistsException',
          `An alias with the name ${kms.arns.aliasArn(aliasName)} already exists`,
        );
      }
      checkQuota(aliases, record.keyId);
      const now = kms.now();
      aliases.set(aliasName, {
        aliasName,
        targetKeyId: record.keyId,
        creationDate: now,
        lastUpdatedDate: now,
      });
    });
    return undefined;
  },
);

export const updateAlias = operation(
  'UpdateAlias',
  { AliasName: required(aliasNameMember), TargetKeyId: required(keyIdMember) },
  async (input, kms) => {
    const { AliasName: aliasName } = input;
    checkAliasName(aliasName);
    await kms.store.changeAliases((aliases) => {
      const { record } = targetOf(kms, input.TargetKeyId, 'UpdateAlias');
      const alias = aliases.get(aliasName);
      if (alias === undefined) throw aliasNotFound(kms, aliasName);
      const current = kms.store.key(alias.targetKeyId)?.record;
      // What callers do through an alias must go on working when it is repointed. (HMAC and asymmetric keys always
      // differ in usage, so usage alone tells them apart.)
      if (current !== undefined && current.keyUsage !== record.keyUsage) {
        throw validationException(
          `Alias ${kms.arns.aliasArn(aliasName)} refers to a key of usage ${current.keyUsage}; ` +
            `it cannot be changed to one of usage ${record.keyUsage}.`,
        );
      }
      if (alias.targetKeyId !== record.keyId) checkQuota(aliases, record.keyId);
      aliases.set(aliasName, { ...alias, targetKeyId: record.keyId, lastUpdatedDate: kms.now() });
    });
    return undefined;
  },
);

export const deleteAlias = operation(
  'DeleteAlias',
  { AliasName: required(aliasNameMember) },
  async ({ AliasName: aliasName }, kms) => {
    checkAliasName(aliasName);
    await kms.store.changeAliases((aliases) => {
      if (!aliases.delete(aliasName)) throw aliasNotFound(kms, aliasName);
    });
    return undefined;
  },
);

export const listAliases = operation(
  'ListAliases',
  { KeyId: keyIdMember, Limit: limitMember, Marker: markerMember },
  (input, kms) => {
    const { KeyId: identifier } = input;
    const keyId =
      identifier === undefined ? undefined : findKey(kms, identifier, 'ListAliases', false).record.keyId;
    const all = kms.store.aliases().filter((alias) => keyId === undefined || alias.targetKeyId === keyId);
    const { items, truncation } = paginate(all, (alias) => alias.aliasName, input, 50);
    const Aliases = items.map((alias) => ({
      AliasName: alias.aliasName,
      AliasArn: kms.arns.aliasArn(alias.aliasName),
      TargetKeyId: alias.targetKeyId,
      CreationDate: timestamp(alias.creationDate),
      LastUpdatedDate: timestamp(alias.lastUpdatedDate),
    }));
    return { Aliases, ...truncation };
  },
);
