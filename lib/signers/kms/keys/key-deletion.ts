import type { KMSClient } from '@aws-sdk/client-kms';
import { wholeNumber } from '../../../options/kinds.ts';
import { readOptionsObject, type Schema } from '../../../options/option.ts';
import { deleteAlias, listAliases } from './aliases.ts';
import { describeKey, isPendingDeletion } from './key.ts';
import { explained } from '../client/kms-error.ts';
import { kmsSdk } from '../client/sdk.ts';

export interface ScheduledDeletion {
  readonly arn: string;
  /** When KMS deletes it; undefined where KMS does not say (it still has replicas in other Regions). */
  readonly deletionDate: Date | undefined;
  /** The aliases it had, which are gone. */
  readonly aliases: readonly string[];
}

/** Days: 7 is the least that KMS waits. */
export const keyDeletionSchema = {
  pendingWindowInDays: wholeNumber({ least: 7, most: 30, fallback: 7 }),
} satisfies Schema;

/**
 * Has KMS delete a key after a time in which it can be called back (`aws kms cancel-key-deletion`); it signs nothing from now on.
 * Its aliases are deleted, since they would name a key that refuses everything. A key that is pending deletion already stays so.
 * Needs `kms:ScheduleKeyDeletion`, `kms:DescribeKey`, `kms:ListAliases`, and for its aliases `kms:DeleteAlias`.
 *
 * @param options.pendingWindowInDays 7, the least, to 30; 7 unless given.
 * @throws InvalidOptionError, KmsError
 */
export async function scheduleKeyDeletion(
  client: KMSClient,
  keyId: string,
  options: { readonly pendingWindowInDays?: number } = {},
): Promise<ScheduledDeletion> {
  const read = readOptionsObject(keyDeletionSchema, options, 'an object such as { pendingWindowInDays: 7 }');
  const { pendingWindowInDays: days } = read;
  const key = await describeKey(client, keyId);
  const aliases = await listAliases(client, key.arn);
  // First the deletion, then the aliases: should one fail, the key does not stay on, without a name and unseen.
  const deletionDate = isPendingDeletion(key) ? key.deletionDate : await schedule(client, key.arn, days);
  for (const alias of aliases) await deleteAlias(client, alias);
  return { arn: key.arn, deletionDate, aliases };
}

async function schedule(client: KMSClient, keyArn: string, days: number): Promise<Date | undefined> {
  const command = new (kmsSdk().ScheduleKeyDeletionCommand)({ KeyId: keyArn, PendingWindowInDays: days });
  const { DeletionDate: deletionDate } = await explained(
    { operation: 'ScheduleKeyDeletion', key: keyArn },
    client.send(command),
  );
  return deletionDate;
}
