import type { KMSClient } from '@aws-sdk/client-kms';
import { KmsError } from '../client/kms-error.ts';
import { pages, type PageRequest } from '../client/pages.ts';
import { kmsSdk } from '../client/sdk.ts';
import { describeKey, type KmsKey } from './key.ts';

export interface ListedKey extends KmsKey {
  /** Names, sorted. */
  readonly aliases: readonly string[];
}

/** Keys looked at together. */
const concurrency = 8;

/**
 * All keys of this account and Region that a customer manages, sorted by alias and ARN. Needs `kms:ListKeys`, `kms:ListAliases` and
 * `kms:DescribeKey`.
 *
 * @returns `unreadable`: ARNs of keys that these credentials may not describe.
 */
export async function listKeys(
  client: KMSClient,
  { onProgress }: { readonly onProgress?: (looked: number) => void } = {},
): Promise<{ readonly keys: readonly ListedKey[]; readonly unreadable: readonly string[] }> {
  const aliases = await aliasesByKeyId(client);
  const keys: ListedKey[] = [];
  const unreadable: string[] = [];
  let looked = 0;
  const look = async (arn: string): Promise<void> => {
    try {
      const key = await describeKey(client, arn);
      if (key.owner === 'CUSTOMER') keys.push({ ...key, aliases: aliases.get(key.keyId) ?? [] });
    } catch (error) {
      const code = error instanceof KmsError ? error.code : undefined;
      if (code === 'ERR_S2N_PKEY_KMS_ACCESS_DENIED') unreadable.push(arn);
      else if (code !== 'ERR_S2N_PKEY_KMS_NOT_FOUND') throw error; // Not found: it was deleted just now.
    }
    onProgress?.(++looked);
  };
  const ask = (page: PageRequest) => client.send(new (kmsSdk().ListKeysCommand)(page));
  for await (const { Keys: listed = [] } of pages({ operation: 'ListKeys' }, ask)) {
    const arns = listed.flatMap(({ KeyArn: arn }) => (arn === undefined ? [] : [arn]));
    while (arns.length > 0) await Promise.all(arns.splice(0, concurrency).map(look));
  }
  // Keys without an alias come last.
  const order = (key: ListedKey): string => `${key.aliases[0] ?? '~'} ${key.arn}`;
  keys.sort((one, other) => (order(one) < order(other) ? -1 : 1));
  return { keys, unreadable };
}

async function aliasesByKeyId(client: KMSClient): Promise<ReadonlyMap<string, readonly string[]>> {
  const names = new Map<string, string[]>();
  const ask = (page: PageRequest) => client.send(new (kmsSdk().ListAliasesCommand)(page));
  for await (const { Aliases: listed = [] } of pages({ operation: 'ListAliases' }, ask)) {
    for (const { AliasName: name, TargetKeyId: keyId } of listed) {
      if (name === undefined || keyId === undefined) continue;
      names.set(keyId, [...(names.get(keyId) ?? []), name].sort());
    }
  }
  return names;
}
