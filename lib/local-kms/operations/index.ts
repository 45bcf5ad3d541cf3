import { KmsException, unsupportedOperationException } from '../store/errors.ts';
import { createAlias, deleteAlias, listAliases, updateAlias } from './aliases.ts';
import { deleteImportedKeyMaterial, getParametersForImport, importKeyMaterial } from './imports.ts';
import { cancelKeyDeletion, disableKey, enableKey, scheduleKeyDeletion } from './key-states.ts';
import { createKey, describeKey, getPublicKey, listKeys } from './keys.ts';
import { generateMac, verifyMac } from './macs.ts';
import type { Operation } from './operation.ts';
import { getKeyPolicy, listKeyPolicies, putKeyPolicy } from './policies.ts';
import { sign, verify } from './signing.ts';
import { listResourceTags, tagResource, untagResource } from './tags.ts';

const operations: ReadonlyMap<string, Operation> = new Map(
  [
    cancelKeyDeletion,
    createAlias,
    createKey,
    deleteAlias,
    deleteImportedKeyMaterial,
    describeKey,
    disableKey,
    enableKey,
    generateMac,
    getKeyPolicy,
    getParametersForImport,
    getPublicKey,
    importKeyMaterial,
    listAliases,
    listKeyPolicies,
    listKeys,
    listResourceTags,
    putKeyPolicy,
    scheduleKeyDeletion,
    sign,
    tagResource,
    untagResource,
    updateAlias,
    verify,
    verifyMac,
  ].map((one) => [one.name, one]),
);

/** The rest of the API of 2014-11-01: known, and not done here. */
const unsupported: ReadonlySet<string> = new Set([
  'ConnectCustomKeyStore',
  'CreateCustomKeyStore',
  'CreateGrant',
  'Decrypt',
  'DeleteCustomKeyStore',
  'DeriveSharedSecret',
  'DescribeCustomKeyStores',
  'DisableKeyRotation',
  'DisconnectCustomKeyStore',
  'EnableKeyRotation',
  'Encrypt',
  'GenerateDataKey',
  'GenerateDataKeyPair',
  'GenerateDataKeyPairWithoutPlaintext',
  'GenerateDataKeyWithoutPlaintext',
  'GenerateRandom',
  'GetKeyLastUsage',
  'GetKeyRotationStatus',
  'ListGrants',
  'ListKeyRotations',
  'ListRetirableGrants',
  'ReEncrypt',
  'ReplicateKey',
  'RetireGrant',
  'RevokeGrant',
  'RotateKeyOnDemand',
  'UpdateCustomKeyStore',
  'UpdateKeyDescription',
  'UpdatePrimaryRegion',
]);

const targetPrefix = 'TrentService.';

/**
 * The operation that the header `X-Amz-Target` names, or the refusal of one that is in the API but not here. Throws
 * `UnknownOperationException`.
 */
export function operationOfTarget(target: string | undefined): Operation {
  const name = target?.startsWith(targetPrefix) === true ? target.slice(targetPrefix.length) : '';
  const found = operations.get(name);
  if (found !== undefined) return found;
  if (!unsupported.has(name)) throw new KmsException('UnknownOperationException');
  return {
    name,
    run() {
      throw unsupportedOperationException(`The local KMS does not support ${name}.`);
    },
  };
}
