import { requiredText } from '../../../options/kinds.ts';
import { readOption, type Option } from '../../../options/option.ts';

/** As KMS takes it: a key id, a key's ARN, an alias' name (`alias/…`) or an alias' ARN. */
export const keyIdOption: Option<string> = requiredText({
  expected: "the id or ARN of a KMS key, or the name or ARN of an alias, such as 'alias/site'",
  pattern: /^[a-zA-Z0-9:/_-]{1,2048}$/,
  isSecret: false,
});

/** The name of a customer's alias (CreateAlias, AWS KMS API Reference). */
export const aliasOption: Option<string> = requiredText({
  expected: "'alias/' followed by letters, digits, '/', '_' and '-', not beginning with 'alias/aws/'",
  pattern: /^alias\/(?!aws\/)[a-zA-Z0-9/_-]{1,250}$/,
  isSecret: false,
});

/** @throws InvalidOptionError */
export function checkKeyId(keyId: unknown, option = 'keyId'): string {
  return readOption(option, keyIdOption, keyId);
}

/** @throws InvalidOptionError */
export function checkAliasName(alias: unknown): string {
  return readOption('alias', aliasOption, alias);
}

/** The Region that an ARN names; undefined when it is none. */
export function regionOfArn(arn: string): string | undefined {
  return /^arn:[^:]+:kms:([^:]+):/.exec(arn)?.[1];
}
