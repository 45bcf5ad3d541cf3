import { parseArgs } from 'node:util';
import { publicKeyFingerprint } from '../../signers/certificate-match.ts';
import { listAliases } from '../../signers/kms/keys/aliases.ts';
import { describeKey } from '../../signers/kms/keys/key.ts';
import { openKey } from '../../signers/kms/keys/opened-key.ts';
import { listTags } from '../../signers/kms/keys/tagged-keys.ts';
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

const usage = `Usage: s2n-pkey keys describe <key> [options]

Prints what KMS knows of a key: spec, state, aliases, tags, and the public key of one that signs.
<key> is an id, an ARN, or an alias such as alias/site.

  --region <region>  Region of the key (default: as the AWS SDK finds it)
  --endpoint <url>   URL of another KMS, such as the local one (default: as the AWS SDK finds it)
  --json             print JSON
  --help             print this text
`;

export const describeKeyCommand: Subcommand = {
  name: 'describe',
  summary: 'print what KMS knows of a key',
  async run(args) {
    const given = readArguments('keys describe', usage, () =>
      parseArgs({
        args: [...args],
        allowPositionals: true,
        options: {
          ...kmsOptions,
        },
      }),
    );
    if (!given) return;
    const { values, positionals } = given;
    const [keyId, ...rest] = positionals;
    if (keyId === undefined || rest.length > 0) throw usageError('keys describe', 'expected one key');
    await withKms(values, async (client) => {
      const key = await describeKey(client, keyId);
      const aliases = await listAliases(client, key.arn);
      const tags = Object.fromEntries(await listTags(client, key.arn));
      const opened =
        key.state === 'Enabled' && key.keyUsage === 'SIGN_VERIFY'
          ? await openKey(client, key.arn)
          : undefined;
      const publicKey = opened?.publicKey.export({ type: 'spki', format: 'pem' }).toString();
      const fingerprint = opened && publicKeyFingerprint(opened.publicKey);
      if (values.json) {
        printJson({ ...key, aliases, tags, fingerprint, publicKey });
        return;
      }
      printFacts({
        ...factsOfKey(key),
        aliases: aliases.join(', '),
        tags: Object.entries(tags)
          .map(([name, value]) => `${name}=${value}`)
          .join(', '),
        'public key': fingerprint && `SHA-256 ${fingerprint}`,
      });
      if (publicKey !== undefined) process.stdout.write(publicKey);
    });
  },
};
