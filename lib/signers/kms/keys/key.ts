import type { KMSClient, KeyMetadata } from '@aws-sdk/client-kms';
import { checkKeyId } from '../client/key-id.ts';
import { explained, KmsError } from '../client/kms-error.ts';
import { kmsSdk } from '../client/sdk.ts';

/** A key in KMS, as `DescribeKey` tells of it. */
export interface KmsKey {
  readonly arn: string;
  readonly keyId: string;
  /** `ECC_NIST_P384`, `RSA_2048` … */
  readonly keySpec: string;
  /** `SIGN_VERIFY` for keys that TLS can use. */
  readonly keyUsage: string;
  /** `Enabled`, `Disabled`, `PendingDeletion` … ("Key states of AWS KMS keys", AWS KMS Developer Guide). */
  readonly state: string;
  /** `CUSTOMER`, or `AWS` for the keys that AWS services make for themselves. */
  readonly owner: string;
  readonly description: string;
  readonly creationDate: Date | undefined;
  /** When it will be deleted, while it is pending deletion. */
  readonly deletionDate: Date | undefined;
  /** `AWS_KMS`, or `EXTERNAL` where the key is imported. */
  readonly origin: string;
  readonly multiRegion: boolean;
  /** When an imported key expires; undefined: never. */
  readonly validTo: Date | undefined;
}

/**
 * What KMS knows of a key. Needs `kms:DescribeKey`.
 *
 * @param keyId A key's id or ARN, or an alias' name or ARN.
 * @throws KmsError, `ERR_S2N_PKEY_KMS_NOT_FOUND` when there is no such key or alias.
 */
export async function describeKey(client: KMSClient, keyId: string): Promise<KmsKey> {
  const call = { operation: 'DescribeKey', key: checkKeyId(keyId) };
  const { KeyMetadata: metadata, $metadata } = await explained(
    call,
    client.send(new (kmsSdk().DescribeKeyCommand)({ KeyId: keyId })),
  );
  return keyOf(metadata, call.operation, $metadata.requestId);
}

/**
 * Like `describeKey`, but undefined when there is no such key or alias, or the key is pending deletion: it cannot be used, and
 * will soon be gone.
 */
export async function findKey(client: KMSClient, keyId: string): Promise<KmsKey | undefined> {
  try {
    const key = await describeKey(client, keyId);
    return isPendingDeletion(key) ? undefined : key;
  } catch (error) {
    if (error instanceof KmsError && error.code === 'ERR_S2N_PKEY_KMS_NOT_FOUND') return undefined;
    throw error;
  }
}

/** Pending deletion, with or without replicas in other Regions. */
export function isPendingDeletion({ state }: KmsKey): boolean {
  return state === 'PendingDeletion' || state === 'PendingReplicaDeletion';
}

/** A key from the metadata of an answer. */
export function keyOf(
  metadata: KeyMetadata | undefined,
  operation: string,
  requestId: string | undefined,
): KmsKey {
  const { KeyId: keyId, Arn: arn } = metadata ?? {};
  if (keyId === undefined || arn === undefined) {
    throw new KmsError(
      'ERR_S2N_PKEY_KMS_UNUSABLE_ANSWER',
      `the answer of KMS to ${operation} has no key id or ARN. Check what stands between this machine and KMS: the endpoint, a proxy.`,
      { operation, requestId },
    );
  }
  return {
    arn,
    keyId,
    keySpec: metadata?.KeySpec ?? '',
    keyUsage: metadata?.KeyUsage ?? '',
    state: metadata?.KeyState ?? '',
    owner: metadata?.KeyManager ?? '',
    description: metadata?.Description ?? '',
    creationDate: metadata?.CreationDate,
    deletionDate: metadata?.DeletionDate,
    origin: metadata?.Origin ?? '',
    multiRegion: metadata?.MultiRegion === true,
    validTo: metadata?.ValidTo,
  };
}
