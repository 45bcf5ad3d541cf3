import { keySpecFacts, keyUsages, type KeyUsage } from './key-spec.ts';
import type { StoredMaterial } from './key-material.ts';

export type KeyState = 'Enabled' | 'Disabled' | 'PendingDeletion';

/** A key as it lies on disk: one JSON file. Records are never changed in place: a change is a new record. */
export interface KeyRecord {
  readonly keyId: string;
  readonly keySpec: string;
  readonly keyUsage: KeyUsage;
  readonly keyState: KeyState;
  readonly description: string;
  /** Epoch milliseconds. */
  readonly creationDate: number;
  /** Epoch milliseconds; while `keyState` is `PendingDeletion`. */
  readonly deletionDate?: number;
  readonly tags: Readonly<Record<string, string>>;
  /** The key policy, as it was put; `authorize` enforces it. */
  readonly policy: string;
  readonly material: StoredMaterial;
  /** Of a multi-Region key: the Region in which it was made; those in others are its replicas. */
  readonly primaryRegion?: string;
}

/** Whether a key may be in several Regions: its id says so (https://docs.aws.amazon.com/kms/latest/developerguide/mrk-how-it-works.html). */
export function isMultiRegion({ keyId }: KeyRecord): boolean {
  return keyId.startsWith('mrk-');
}

/** An alias as it lies on disk, in `aliases.json`. */
export interface AliasRecord {
  /** With its prefix: `alias/site`. */
  readonly aliasName: string;
  readonly targetKeyId: string;
  /** Epoch milliseconds. */
  readonly creationDate: number;
  /** Epoch milliseconds. */
  readonly lastUpdatedDate: number;
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isStringRecord(value: unknown): value is Record<string, string> {
  return isObject(value) && Object.values(value).every((one) => typeof one === 'string');
}

function isMaterial(value: unknown): value is StoredMaterial {
  if (!isObject(value)) return false;
  const { type, pem, base64 } = value;
  return (type === 'pkcs8' && typeof pem === 'string') || (type === 'hmac' && typeof base64 === 'string');
}

/** Whether JSON read from disk is a key record. */
export function isKeyRecord(value: unknown): value is KeyRecord {
  if (!isObject(value)) return false;
  const {
    keyId,
    keySpec,
    keyUsage,
    keyState,
    description,
    creationDate,
    deletionDate,
    tags,
    policy,
    material,
    primaryRegion,
  } = value;
  return (
    typeof keyId === 'string' &&
    typeof keySpec === 'string' &&
    keySpecFacts(keySpec) !== undefined &&
    keyUsages.some((usage) => usage === keyUsage) &&
    (keyState === 'Enabled' || keyState === 'Disabled' || keyState === 'PendingDeletion') &&
    typeof description === 'string' &&
    typeof creationDate === 'number' &&
    (keyState === 'PendingDeletion') === (typeof deletionDate === 'number') &&
    isStringRecord(tags) &&
    typeof policy === 'string' &&
    isMaterial(material) &&
    keyId.startsWith('mrk-') === (typeof primaryRegion === 'string')
  );
}

/** Whether JSON read from disk is a list of aliases. */
export function isAliasList(value: unknown): value is AliasRecord[] {
  return (
    Array.isArray(value) &&
    value.every(
      (one: unknown) =>
        isObject(one) &&
        typeof one['aliasName'] === 'string' &&
        typeof one['targetKeyId'] === 'string' &&
        typeof one['creationDate'] === 'number' &&
        typeof one['lastUpdatedDate'] === 'number',
    )
  );
}
