import { parseArgs } from 'node:util';
import { listAliases } from '../../signers/kms/keys/aliases.ts';
import { scheduleKeyDeletion } from '../../signers/kms/keys/key-deletion.ts';
import { describeKey } from '../../signers/kms/keys/key.ts';
import {
  printFacts,
  printJson,
  kmsOptions,
  readArguments,
  usageError,
  withKms,
  type Subcommand,
} from '../subcommand.ts';
import { factsOfKey } from './facts-of-key.ts';

const usage = `Usage: s2n-pkey keys delete <key> --yes [options]

Schedules the deletion of a key, and deletes its aliases. From then on it signs nothing, so servers
that use it fail every new handshake. Until KMS deletes it you can undo this:
aws kms cancel-key-deletion, then aws kms enable-key. Without --yes it only prints what it would
delete. <key> is an id, an ARN, or an alias such as alias/site.

  --yes              delete it
  --days <days>      how long KMS waits: 7 to 30 days (default: 7)
  --region <region>  Region of the key (default: as the AWS SDK finds it)
  --endpoint <url>   URL of another KMS, such as the local one (default: as the AWS SDK finds it)
  --json             print JSON
  --help             print this text
`;

export const deleteKeyCommand: Subcommand = {
  name: 'delete',
  summary: 'schedule the deletion of a key',
  async run(args) {
    const given = readArguments('keys delete', usage, () =>
      parseArgs({
        args: [...args],
        allowPositionals: true,
        options: {
          yes: { type: 'boolean', default: false },
          days: { type: 'string', default: '7' },
          ...kmsOptions,
        },
      }),
    );
    if (!given) return;
    const { values, positionals } = given;
    const [keyId, ...rest] = positionals;
    if (keyId === undefined || rest.length > 0) throw usageError('keys delete', 'expected one key');
    const days = Number(values.days);
    if (!Number.isInteger(days) || days < 7 || days > 30) {
      throw usageError('keys delete', `--days expects 7 to 30, and was given '${values.days}'`);
    }
    await withKms(values, async (client) => {
      if (!values.yes) {
        const key = await describeKey(client, keyId);
        process.stderr.write('This key would be deleted:\n');
        printFacts({ ...factsOfKey(key), aliases: (await listAliases(client, key.arn)).join(', ') });
        throw usageError('keys delete', 'nothing was changed: give --yes to delete it');
      }
      const deleted = await scheduleKeyDeletion(client, keyId, { pendingWindowInDays: days });
      if (values.json) {
        printJson(deleted);
        return;
      }
      process.stdout.write(
        `KMS deletes ${deleted.arn} ${deleted.deletionDate ? `on ${deleted.deletionDate.toISOString()}` : 'when its replicas are gone'}.\n` +
          `Undo it until then: aws kms cancel-key-deletion --key-id ${deleted.arn}\n`,
      );
    });
  },
};
