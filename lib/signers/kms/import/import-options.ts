import { callback, flag, text } from '../../../options/kinds.ts';
import {
  readOptionsObject,
  refusal,
  type Option,
  type OptionValues,
  type SchemaOf,
} from '../../../options/option.ts';
import { pemText } from '../../../pem/pem-text.ts';
import { keyIdOption } from '../client/key-id.ts';
import { createKeySchema } from '../keys/key-creation.ts';

/** What `importKey` does, in this order; `token` where KMS refuses a token and another one is requested. */
export type ImportStep = 'create' | 'wrap' | 'token' | 'import' | 'prove';

export interface ImportKeyOptions {
  /** PEM, such as the bytes of the file. Unlike a string, bytes can be wiped afterwards (`key.fill(0)`). */
  readonly key: string | Uint8Array;
  /** Of an encrypted key. */
  readonly passphrase?: string;
  /** PEM of the certificate that is served with the key: checked before anything is done. */
  readonly cert?: string | Uint8Array;
  /** By which the key is found in KMS, and an import that failed goes on. This or `keyId` is required. */
  readonly alias?: string;
  /** A key in KMS of origin EXTERNAL, in place of `alias`: nothing is created. */
  readonly keyId?: string;
  /** Whether replicas in other Regions are possible. */
  readonly multiRegion?: boolean;
  readonly description?: string;
  readonly tags?: Readonly<Record<string, string>>;
  /** When KMS is to delete its copy, within 365 days. Never unless given. */
  readonly validTo?: Date;
  /** Only say what would be done. */
  readonly dryRun?: boolean;
  /** Called as each step begins. */
  readonly onStep?: (step: ImportStep) => void;
}

const pemOption = {
  ...{ type: 'string | Uint8Array', isSecret: true },
  fits: (value: unknown) => pemText(value)?.includes('-----BEGIN ') ?? false,
};

export const importKeySchema = {
  key: {
    ...pemOption,
    expected: 'a private key as PEM, a string or Buffer with "-----BEGIN … PRIVATE KEY-----"',
    isRequired: true,
  } as Option<string | Uint8Array>,
  passphrase: text({ expected: 'a string' }),
  cert: {
    ...pemOption,
    expected: "PEM certificates, the server's own first",
    read: (_name: string, value: unknown) => pemText(value),
  } as Option<string | undefined>,
  alias: createKeySchema.alias,
  keyId: { ...keyIdOption, isRequired: false } as Option<string | undefined>,
  multiRegion: flag(false),
  description: createKeySchema.description,
  tags: createKeySchema.tags,
  validTo: {
    ...{ type: 'Date', expected: 'a Date in the future, at most 365 days ahead', isSecret: false },
    fits: (value: unknown) =>
      value instanceof Date && Number(value) > Date.now() && Number(value) <= Date.now() + 365 * 86_400_000,
  } as Option<Date | undefined>,
  dryRun: flag(false),
  onStep: callback<(step: ImportStep) => void>(),
} satisfies SchemaOf<ImportKeyOptions>;

export type ReadImportOptions = OptionValues<typeof importKeySchema>;

/** @throws InvalidOptionError */
export function readImportOptions(options: ImportKeyOptions): ReadImportOptions {
  const read = readOptionsObject(importKeySchema, options, "an object such as { key, alias: 'alias/site' }");
  if ((read.alias === undefined) === (read.keyId === undefined)) {
    const expected = `${importKeySchema.alias.expected}; or, for a key that exists, \`keyId\`: one of the two`;
    throw refusal('alias', importKeySchema.alias, read.alias, expected);
  }
  return read;
}
