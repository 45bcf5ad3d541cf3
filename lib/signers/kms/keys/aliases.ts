import type { KMSClient } from '@aws-sdk/client-kms';
import { describeKey, isPendingDeletion } from './key.ts';
import { checkAliasName } from '../client/key-id.ts';
import { explained, explainKmsFailure, KmsError } from '../client/kms-error.ts';
import { pages, type PageRequest } from '../client/pages.ts';
import { kmsSdk } from '../client/sdk.ts';

/**
 * Gives a key an alias: a new one, or one whose key is pending deletion. Needs `kms:CreateAlias` on key and alias, and for the
 * second `kms:DescribeKey` and `kms:UpdateAlias`.
 *
 * @throws KmsError, `ERR_S2N_PKEY_KMS_ALIAS_TAKEN` when the alias is that of another key in use.
 */
export async function assignAlias(client: KMSClient, alias: string, keyArn: string): Promise<void> {
  const call = { operation: 'CreateAlias', key: checkAliasName(alias) };
  try {
    await client.send(new (kmsSdk().CreateAliasCommand)({ AliasName: alias, TargetKeyId: keyArn }));
    return;
  } catch (cause) {
    if (!(cause instanceof Error && cause.name === 'AlreadyExistsException'))
      throw explainKmsFailure(cause, call);
  }
  const current = await describeKey(client, alias);
  if (current.arn === keyArn) return;
  if (!isPendingDeletion(current)) throw aliasTaken(alias, current.arn);
  await explained(
    { operation: 'UpdateAlias', key: alias },
    client.send(new (kmsSdk().UpdateAliasCommand)({ AliasName: alias, TargetKeyId: keyArn })),
  );
}

/** The error for an alias that is in use already. `why`: what is wrong with its key, beside that it is another. */
export function aliasTaken(alias: string, keyArn: string, why?: string): KmsError {
  const reason = why === undefined ? '' : ` (${why})`;
  return new KmsError(
    'ERR_S2N_PKEY_KMS_ALIAS_TAKEN',
    `${alias} is the alias of another key, ${keyArn}${reason}: use that key, choose another alias, or remove this one ` +
      `(\`aws kms delete-alias --alias-name ${alias}\`).`,
    { operation: 'CreateAlias', keyId: alias },
  );
}

/** The names of all aliases of a key. Needs `kms:ListAliases`. `pageSize`: how many to ask for at a time, for tests. */
export async function listAliases(
  client: KMSClient,
  keyArn: string,
  { pageSize }: { readonly pageSize?: number } = {},
): Promise<string[]> {
  const names: string[] = [];
  const ask = (page: PageRequest) =>
    client.send(new (kmsSdk().ListAliasesCommand)({ KeyId: keyArn, ...page }));
  for await (const { Aliases: aliases = [] } of pages(
    { operation: 'ListAliases', key: keyArn },
    ask,
    pageSize,
  )) {
    for (const { AliasName: name } of aliases) if (name !== undefined) names.push(name);
  }
  return names;
}

/** Takes an alias away; it is no error when it is gone already. Needs `kms:DeleteAlias` on key and alias. */
export async function deleteAlias(client: KMSClient, alias: string): Promise<void> {
  try {
    await client.send(new (kmsSdk().DeleteAliasCommand)({ AliasName: alias }));
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'NotFoundException') return;
    throw explainKmsFailure(cause, { operation: 'DeleteAlias', key: alias });
  }
}
