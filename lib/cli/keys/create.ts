import { parseArgs } from 'node:util';
import { findOrCreateKey } from '../../signers/kms/keys/key-creation.ts';
import {
  printFacts,
  printJson,
  kmsOptions,
  readArguments,
  readTags,
  usageError,
  withKms,
  type Subcommand,
} from '../subcommand.ts';
import { factsOfKey } from './facts-of-key.ts';

const usage = `Usage: s2n-pkey keys create --alias <alias> [options]
       s2n-pkey keys create tickets --alias <alias> [options]

Creates a key that signs TLS handshakes, and gives it an alias. If the alias already has a key of
this spec, prints that one and creates nothing, so it is safe to run again. A key costs about a
dollar a month. P-256 makes the cheapest handshakes for both sides.

With "tickets", creates an HMAC_384 key instead, from which the servers of a fleet derive their
session ticket keys (KmsTicketKeys).

  s2n-pkey keys create --alias alias/site --spec ECC_NIST_P256
  s2n-pkey certificates request --key alias/site --name site.example --out site.csr

  --alias <alias>       alias/ and a name
  --spec <spec>         ECC_NIST_P256, ECC_NIST_P384, ECC_NIST_P521, RSA_2048, RSA_3072 or RSA_4096
                        (default: ECC_NIST_P384)
  --description <text>  what the key is for
  --tag <name=value>    a tag of the key; repeat it for several tags
  --region <region>     Region of the key (default: as the AWS SDK finds it)
  --endpoint <url>      URL of another KMS, such as the local one (default: as the AWS SDK finds it)
  --json                print JSON
  --help                print this text
`;

export const createKeyCommand: Subcommand = {
  name: 'create',
  summary: 'create a key for TLS, or for the ticket keys of a fleet',
  async run(args) {
    const given = readArguments('keys create', usage, () =>
      parseArgs({
        args: [...args],
        allowPositionals: true,
        options: {
          alias: { type: 'string' },
          spec: { type: 'string' },
          description: { type: 'string' },
          tag: { type: 'string', multiple: true },
          ...kmsOptions,
        },
      }),
    );
    if (!given) return;
    const { values, positionals } = given;
    const { alias, spec, description } = values;
    const isForTickets = positionals[0] === 'tickets';
    if (positionals.length > (isForTickets ? 1 : 0)) {
      throw usageError(
        'keys create',
        `expected nothing, or tickets, and was given '${positionals.join(' ')}'`,
      );
    }
    if (alias === undefined) throw usageError('keys create', '--alias is required');
    if (isForTickets && spec !== undefined) {
      throw usageError('keys create', '--spec is not for tickets, whose key is HMAC_384');
    }
    const keySpec = isForTickets ? 'HMAC_384' : spec;
    const tags = readTags('keys create', values.tag);
    const { key, created } = await withKms(values, (client) =>
      findOrCreateKey(client, {
        ...{ alias, tags },
        ...(keySpec === undefined ? {} : { keySpec }),
        ...(description === undefined ? {} : { description }),
      }),
    );
    if (values.json) {
      printJson({ created, alias, ...key });
      return;
    }
    process.stdout.write(created ? 'Created:\n' : 'The alias has this key already:\n');
    printFacts({ alias, ...factsOfKey(key) });
  },
};
