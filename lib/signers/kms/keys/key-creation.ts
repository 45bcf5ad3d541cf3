import type { KMSClient, KeySpec } from '@aws-sdk/client-kms';
import { anything } from '../../../options/kinds.ts';
import { isOptionsObject, readOptionsObject, type Option, type Schema } from '../../../options/option.ts';
import { aliasTaken, assignAlias } from './aliases.ts';
import { findKey, keyOf, type KmsKey } from './key.ts';
import { scheduleKeyDeletion } from './key-deletion.ts';
import { aliasOption } from '../client/key-id.ts';
import { tlsKeySpec, tlsKeySpecNames } from './key-spec.ts';
import { explained, KmsError } from '../client/kms-error.ts';
import { kmsSdk } from '../client/sdk.ts';

export interface CreateKeyOptions {
  /** `ECC_NIST_P384` unless given. `HMAC_384` makes a key for `KmsTicketKeys`, which signs nothing. */
  readonly keySpec?: string;
  readonly description?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** As in `alias/site`. */
  readonly alias?: string;
}

export interface FindOrCreateKeyOptions extends CreateKeyOptions {
  readonly alias: string;
}

/** What the ticket keys of a fleet are made with: the one key that is for MACs and not for signatures. */
const macKeySpec = 'HMAC_384';

export const createKeySchema = {
  alias: { ...aliasOption, isRequired: false } as Option<string | undefined>,
  keySpec: anything<KeySpec>({
    ...{ type: 'string', expected: `one of ${[...tlsKeySpecNames, macKeySpec].join(', ')}`, isSecret: false },
    fallback: 'ECC_NIST_P384',
    // no others than the SDK's
    fits: (value) => value === macKeySpec || (typeof value === 'string' && tlsKeySpec(value) !== undefined),
  }),
  description: anything<string>({
    ...{ type: 'string', expected: 'a text', fallback: '' },
    fits: (value) => typeof value === 'string',
  }),
  tags: anything<Readonly<Record<string, string>>>({
    ...{ type: 'object', expected: "an object of texts, such as { team: 'web' }", fallback: {} },
    fits: (value) =>
      isOptionsObject(value) && Object.values(value).every((one: unknown) => typeof one === 'string'),
  }),
} satisfies Schema;

export const findOrCreateKeySchema = { ...createKeySchema, alias: aliasOption } satisfies Schema;

const expectedOptions = "an object such as { alias: 'alias/site' }";

/**
 * Makes a key for TLS (SIGN_VERIFY), or for ticket keys (GENERATE_VERIFY_MAC), and gives it an alias. It costs about a dollar a month from then on. Needs `kms:CreateKey`, for
 * tags `kms:TagResource`, for an alias what `assignAlias` and `findKey` need.
 *
 * @throws KmsError, `ERR_S2N_PKEY_KMS_ALIAS_TAKEN` when the alias is that of another key in use. A key that does not get its alias is
 *   not left behind: its deletion is scheduled.
 */
export async function createKey(client: KMSClient, options: CreateKeyOptions = {}): Promise<KmsKey> {
  const { description, tags, alias, keySpec } = readOptionsObject(createKeySchema, options, expectedOptions);
  const taken = alias === undefined ? undefined : await findKey(client, alias);
  if (alias !== undefined && taken !== undefined) throw aliasTaken(alias, taken.arn);
  return requestKey(client, { keySpec, keyUsage: usageOf(keySpec), description, tags, alias });
}

/** What CreateKey is asked for. */
export interface KeyRequest {
  readonly keySpec: KeySpec;
  readonly keyUsage: 'GENERATE_VERIFY_MAC' | 'SIGN_VERIFY';
  readonly description: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly alias: string | undefined;
  readonly origin?: 'EXTERNAL';
  readonly multiRegion?: boolean;
}

/** Makes a key and gives it its alias; without that it is not left behind. */
export async function requestKey(client: KMSClient, request: KeyRequest): Promise<KmsKey> {
  const { keySpec, keyUsage, description, tags, alias, origin, multiRegion = false } = request;
  const command = new (kmsSdk().CreateKeyCommand)({
    KeySpec: keySpec,
    KeyUsage: keyUsage,
    Description: description,
    Tags: Object.entries(tags).map(([TagKey, TagValue]) => ({ TagKey, TagValue })),
    ...(origin === undefined ? {} : { Origin: origin }),
    ...(multiRegion ? { MultiRegion: true } : {}),
  });
  const { KeyMetadata: metadata, $metadata } = await explained(
    { operation: 'CreateKey' },
    client.send(command),
  );
  const key = keyOf(metadata, 'CreateKey', $metadata.requestId);
  if (alias === undefined) return key;
  try {
    await assignAlias(client, alias, key.arn);
  } catch (cause) {
    throw await undoCreation(client, key, cause);
  }
  return key;
}

/**
 * The key that an alias names, or a new one with that alias. One request when there is one. A key pending deletion does not
 * count: the alias is moved from it to the new key.
 *
 * @throws KmsError, `ERR_S2N_PKEY_KMS_KEY_SPEC` or `_KEY_USAGE` when the alias names a key of another kind than asked for.
 */
export async function findOrCreateKey(
  client: KMSClient,
  options: FindOrCreateKeyOptions,
): Promise<{ readonly key: KmsKey; readonly created: boolean }> {
  const { alias } = readOptionsObject(findOrCreateKeySchema, options, expectedOptions);
  const found = await findKey(client, alias);
  if (found !== undefined) return { key: checkFound(found, options), created: false };
  try {
    return { key: await createKey(client, options), created: true };
  } catch (error) {
    if (!(error instanceof KmsError) || error.code !== 'ERR_S2N_PKEY_KMS_ALIAS_TAKEN') throw error;
    // Somebody else has made one at the same time.
    const other = await findKey(client, alias);
    if (other === undefined) throw error;
    return { key: checkFound(other, options), created: false };
  }
}

function usageOf(keySpec: string | undefined): 'GENERATE_VERIFY_MAC' | 'SIGN_VERIFY' {
  return keySpec === macKeySpec ? 'GENERATE_VERIFY_MAC' : 'SIGN_VERIFY';
}

function checkFound(key: KmsKey, { alias, keySpec }: FindOrCreateKeyOptions): KmsKey {
  const facts = { operation: 'DescribeKey', keyId: key.arn };
  const remedy = `Choose another alias, or remove this one (\`aws kms delete-alias --alias-name ${alias}\`).`;
  const usage = usageOf(keySpec);
  const forSignatures = usage === 'SIGN_VERIFY';
  if (key.keyUsage !== usage || (forSignatures && tlsKeySpec(key.keySpec) === undefined)) {
    const fault = forSignatures ? 'TLS cannot sign' : 'no ticket keys can be made';
    throw new KmsError(
      'ERR_S2N_PKEY_KMS_KEY_USAGE',
      `${alias} names ${key.arn}, a key of KeySpec ${key.keySpec} for ${key.keyUsage}, with which ${fault}. ${remedy}`,
      facts,
    );
  }
  if (keySpec !== undefined && key.keySpec !== keySpec) {
    throw new KmsError(
      'ERR_S2N_PKEY_KMS_KEY_SPEC',
      `${alias} names ${key.arn}, whose KeySpec is ${key.keySpec} and not ${keySpec}. ${remedy}`,
      facts,
    );
  }
  return key;
}

/** Schedules the deletion of a key that was made in vain; returns what to throw. */
async function undoCreation(client: KMSClient, key: KmsKey, cause: unknown): Promise<unknown> {
  try {
    await scheduleKeyDeletion(client, key.arn);
    return cause;
  } catch (error) {
    const [why, whyNot] = [cause, error].map((one) => (one instanceof Error ? one.message : String(one)));
    return new KmsError(
      cause instanceof KmsError ? cause.code : 'ERR_S2N_PKEY_KMS_FAILED',
      `${why} The key that was made for it, ${key.arn}, is still there, and costs: its deletion could not be scheduled (${whyNot})`,
      { operation: 'ScheduleKeyDeletion', keyId: key.arn, cause },
    );
  }
}
