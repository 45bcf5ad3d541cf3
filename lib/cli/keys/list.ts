import { parseArgs } from 'node:util';
import { listKeys, type ListedKey } from '../../signers/kms/keys/listed-keys.ts';
import { printJson, kmsOptions, readArguments, withKms, type Subcommand } from '../subcommand.ts';

const usage = `Usage: s2n-pkey keys list [options]

Lists the keys of this account and Region that sign TLS handshakes, or protect the session tickets
of a fleet, with alias, spec and state. It looks at each key of the account, one request each.

  --all             list every key that you manage, whatever it is for
  --region <region> Region of the keys (default: as the AWS SDK finds it)
  --endpoint <url>  URL of another KMS, such as the local one (default: as the AWS SDK finds it)
  --json            print JSON
  --help            print this text
`;

export const listKeysCommand: Subcommand = {
  name: 'list',
  summary: 'list the keys for TLS in this account and Region',
  async run(args) {
    const given = readArguments('keys list', usage, () =>
      parseArgs({
        args: [...args],
        options: {
          all: { type: 'boolean', default: false },
          ...kmsOptions,
        },
      }),
    );
    if (!given) return;
    const { values } = given;
    const shows = process.stderr.isTTY && !values.json;
    const onProgress = (looked: number): void => {
      if (shows) process.stderr.write(`\r${looked} keys looked at …`);
    };
    const { keys, unreadable } = await withKms(values, (client) => listKeys(client, { onProgress }));
    if (shows) process.stderr.write('\r\u001b[K');
    const listed = values.all ? keys : keys.filter(({ keyUsage }) => usages.includes(keyUsage));
    if (values.json) {
      printJson({ keys: listed, unreadable });
      return;
    }
    const rows = listed.map(rowOf);
    if (rows.length === 0) process.stdout.write('There are no keys. `s2n-pkey keys create` creates one.\n');
    else printTable([['ALIAS', 'SPEC', 'STATE', 'ORIGIN', 'KEY'], ...rows]);
    if (unreadable.length > 0) {
      process.stdout.write(`\n${unreadable.length} keys cannot be described with these credentials.\n`);
    }
  },
};

const usages = ['SIGN_VERIFY', 'GENERATE_VERIFY_MAC'];

function rowOf({ aliases, keySpec, state, origin, arn }: ListedKey): string[] {
  return [aliases.join(', ') || '-', keySpec, state, origin === 'EXTERNAL' ? 'imported' : origin, arn];
}

function printTable(rows: readonly (readonly string[])[]): void {
  const widths = (rows[0] ?? []).map((_, at) => Math.max(...rows.map((row) => row[at]?.length ?? 0)));
  for (const row of rows) {
    const cells = row.map((cell, at) => cell.padEnd(widths[at] ?? 0));
    process.stdout.write(`${cells.join('  ').trimEnd()}\n`);
  }
}
