import type { KMSClient } from '@aws-sdk/client-kms';
import { scheduleKeyDeletion, type ScheduledDeletion } from './key-deletion.ts';
import { findOrCreateKey } from './key-creation.ts';
import type { KmsKey } from './key.ts';
import { listKeysByTag, type Tag } from './tagged-keys.ts';

/** The alias by which the demonstration finds its key. */
export const demoKeyAlias = 'alias/s2n-pkey-demo';

/** The tag by which the demonstration's keys are known whatever has become of the alias. */
export const demoKeyTag: Tag = { key: 's2n-pkey', value: 'demo' };

/** The key of the demonstration: the one its alias names, or a new P-384 key. See `findOrCreateKey`. */
export function findOrCreateDemoKey(
  client: KMSClient,
): Promise<{ readonly key: KmsKey; readonly created: boolean }> {
  return findOrCreateKey(client, {
    alias: demoKeyAlias,
    keySpec: 'ECC_NIST_P384',
    description: 'Key of the s2n-pkey demonstration; `npm run demo:clean` deletes it',
    tags: { [demoKeyTag.key]: demoKeyTag.value },
  });
}

export interface DeletedDemoKeys {
  readonly deleted: readonly ScheduledDeletion[];
  /** Keys that could not be looked at: see `listKeysByTag`. */
  readonly unreadable: readonly string[];
}

/**
 * Schedules the deletion of all keys of the demonstration, those that have lost the alias too; they are known by their tag. A key
 * without it stays, even if it has the alias: it is not the demonstration's.
 */
export async function deleteDemoKeys(
  client: KMSClient,
  options: { readonly pageSize?: number } = {},
): Promise<DeletedDemoKeys> {
  const { keys, unreadable } = await listKeysByTag(client, demoKeyTag, options);
  const deleted: ScheduledDeletion[] = [];
  for (const { arn } of keys) deleted.push(await scheduleKeyDeletion(client, arn));
  return { deleted, unreadable };
}
