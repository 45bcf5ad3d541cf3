import { InvalidOptionError } from '../../../errors.ts';

/**
 * Checks a `keyId` as KMS takes it: a key id, a key's ARN, an alias' name (`alias/…`) or an alias' ARN.
 *
 * @throws InvalidOptionError
 */
export function checkKeyId(keyId: unknown, option = 'keyId'): string {
  if (typeof keyId === 'string' && /^[a-zA-Z0-9:/_-]{1,2048}$/.test(keyId)) return keyId;
  throw new InvalidOptionError(
    option,
    "the id or ARN of a KMS key, or the name or ARN of an alias, such as 'alias/site'",
    keyId,
  );
}

/** @throws InvalidOptionError for what cannot be the name of a customer's alias (CreateAlias, AWS KMS API Reference). */
export function checkAliasName(alias: unknown): string {
  if (
    typeof alias === 'string' &&
    /^alias\/[a-zA-Z0-9/_-]{1,250}$/.test(alias) &&
    !alias.startsWith('alias/aws/')
  ) {
    return alias;
  }
  throw new InvalidOptionError(
    'alias',
    "'alias/' followed by letters, digits, '/', '_' and '-', not beginning with 'alias/aws/'",
    alias,
  );
}

/** The Region that an ARN names; undefined when it is none. */
export function regionOfArn(arn: string): string | undefined {
  return /^arn:[^:]+:kms:([^:]+):/.exec(arn)?.[1];
}
