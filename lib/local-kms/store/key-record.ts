import { keySpecFacts, keyUsages, type KeyUsage } from './key-spec.ts';
import type { StoredMaterial } from './key-material.ts';

const keyStates = ['Enabled', 'Disabled', 'PendingDeletion', 'PendingImport'] as const;
export type KeyState = (typeof keyStates)[number];

/** Material that was imported, and what KMS remembers of it after it is gone. */
export interface ImportedMaterial {
  /** SHA-256, hexadecimal: only the same material can be imported again. */
  readonly fingerprint: string;
  /** Epoch milliseconds: when the material is deleted. */
  readonly validTo?: number;
}

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
  /** Absent as long as the material of an `isExternal` key is not imported, or is deleted. */
  readonly material?: StoredMaterial;
  /** Origin EXTERNAL: the material is imported. */
  readonly isExternal?: true;
  /** Of a key whose material has been imported once. */
  readonly imported?: ImportedMaterial;
  /** Of a multi-Region key: the Region in which it was made; those in others are its replicas. */
  readonly primaryRegion?: string;
}

/** Whether a key may be in several Regions: its id says so (https://docs.aws.amazon.com/kms/latest/developerguide/mrk-how-it-works.html). */
export function isMultiRegion({ keyId }: KeyRecord): boolean {
  return keyId.startsWith('mrk-');
}

/** The same key in another state, without a deletion date. */
export function inState(record: KeyRecord, keyState: KeyState): KeyRecord {
  const changed: { -readonly [K in keyof KeyRecord]: KeyRecord[K] } = { ...record, keyState };
  delete changed.deletionDate;
  return changed;
}

/** The same key after its imported material was deleted, or has expired. */
export function withoutMaterial(record: KeyRecord): KeyRecord {
  const changed: { -readonly [K in keyof KeyRecord]: KeyRecord[K] } = { ...record };
  delete changed.material;
  if (record.imported !== undefined) changed.imported = { fingerprint: record.imported.fingerprint };
  return record.keyState === 'PendingDeletion' ? changed : inState(changed, 'PendingImport');
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

function isImported(value: unknown): boolean {
  if (value === undefined) return true;
  if (!isObject(value)) return false;
  const { fingerprint, validTo } = value;
  return typeof fingerprint === 'string' && (validTo === undefined || typeof validTo === 'number');
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
    isExternal,
    imported,
  } = value;
  return (
    typeof keyId === 'string' &&
    typeof keySpec === 'string' &&
    keySpecFacts(keySpec) !== undefined &&
    keyUsages.some((usage) => usage === keyUsage) &&
    keyStates.some((state) => state === keyState) &&
    typeof description === 'string' &&
    typeof creationDate === 'number' &&
    (keyState === 'PendingDeletion') === (typeof deletionDate === 'number') &&
    isStringRecord(tags) &&
    typeof policy === 'string' &&
    (isExternal === undefined || isExternal === true) &&
    (material === undefined ? isExternal === true : isMaterial(material)) &&
    (keyState !== 'PendingImport' || material === undefined) &&
    isImported(imported) &&
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
