import type { KMSClient } from '@aws-sdk/client-kms';
import { findKey, type KmsKey } from './key.ts';
import { KmsError } from '../client/kms-error.ts';
import { pages, type PageRequest } from '../client/pages.ts';
import { kmsSdk } from '../client/sdk.ts';

export interface Tag {
  readonly key: string;
  readonly value: string;
}

export interface TaggedKeys {
  readonly keys: readonly KmsKey[];
  /** ARNs of keys that these credentials may not look at, so that they may have the tag or not. */
  readonly unreadable: readonly string[];
}

/** Keys looked at together. */
const concurrency = 8;

/**
 * The keys for signing that have a tag, of this account and Region, without those that are pending deletion.
 *
 * KMS cannot be asked for a tag, so this goes through all keys: one DescribeKey each, and one ListResourceTags for each that TLS
 * could use, which KMS limits to about ten a second. To find one key, use an alias (`findKey`): that is one request.
 * Needs `kms:ListKeys`, `kms:DescribeKey` and `kms:ListResourceTags`.
 *
 * @param options.pageSize How many keys, and tags, to ask for at a time, for tests.
 */
export async function listKeysByTag(
  client: KMSClient,
  tag: Tag,
  options: { readonly pageSize?: number } = {},
): Promise<TaggedKeys> {
  const keys: KmsKey[] = [];
  const unreadable: string[] = [];
  const look = async (arn: string): Promise<void> => {
    try {
      const key = await findKey(client, arn);
      if (key?.owner !== 'CUSTOMER' || key.keyUsage !== 'SIGN_VERIFY') return;
      const tags = await listTags(client, arn, options);
      if (tags.get(tag.key) === tag.value) keys.push(key);
    } catch (error) {
      const code = error instanceof KmsError ? error.code : undefined;
      if (code === 'ERR_S2N_PKEY_KMS_ACCESS_DENIED') unreadable.push(arn);
      else if (code !== 'ERR_S2N_PKEY_KMS_NOT_FOUND') throw error; // Not found: it was deleted just now.
    }
  };
  const ask = (page: PageRequest) => client.send(new (kmsSdk().ListKeysCommand)(page));
  for await (const { Keys: listed = [] } of pages({ operation: 'ListKeys' }, ask, options.pageSize)) {
    const arns = listed.flatMap(({ KeyArn: arn }) => (arn === undefined ? [] : [arn]));
    while (arns.length > 0) await Promise.all(arns.splice(0, concurrency).map(look));
  }
  return { keys, unreadable };
}

/** The tags of a key, by key. Needs `kms:ListResourceTags`. */
export async function listTags(
  client: KMSClient,
  keyArn: string,
  { pageSize }: { readonly pageSize?: number } = {},
): Promise<ReadonlyMap<string, string>> {
  const tags = new Map<string, string>();
  const ask = (page: PageRequest) =>
    client.send(new (kmsSdk().ListResourceTagsCommand)({ KeyId: keyArn, ...page }));
  for await (const { Tags: listed = [] } of pages(
    { operation: 'ListResourceTags', key: keyArn },
    ask,
    pageSize,
  )) {
    for (const { TagKey: key, TagValue: value } of listed) {
      if (key !== undefined && value !== undefined) tags.set(key, value);
    }
  }
  return tags;
}
