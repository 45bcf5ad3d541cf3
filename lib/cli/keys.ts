import type { Command } from './command.ts';
import { createKeyCommand } from './keys/create.ts';
import { deleteKeyCommand } from './keys/delete.ts';
import { describeKeyCommand } from './keys/describe.ts';
import { importKeyCommand } from './keys/import.ts';
import { listKeysCommand } from './keys/list.ts';
import { runSubcommand } from './subcommand.ts';

const about = `Keys in AWS KMS for TLS. Region and credentials are found as the AWS SDK finds them: AWS_REGION,
AWS_PROFILE, the role of the machine. To try it without an account:

  s2n-pkey local-kms -- npx s2n-pkey keys create --alias alias/site`;

export const keysCommand: Command = {
  name: 'keys',
  summary: 'create, import, list, describe and delete keys in AWS KMS',
  run: (args) =>
    runSubcommand(
      'keys',
      about,
      [createKeyCommand, importKeyCommand, listKeysCommand, describeKeyCommand, deleteKeyCommand],
      args,
    ),
};
