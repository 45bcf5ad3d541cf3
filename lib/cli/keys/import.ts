import { resolve } from 'node:path';
import { parseArgs } from 'node:util';
import {
  importKey,
  type ImportedKey,
  type ImportKeyOptions,
  type ImportStep,
} from '../../signers/kms/import/import-key.ts';
import {
  printFacts,
  printJson,
  kmsOptions,
  readArguments,
  readGivenFile,
  readTags,
  usageError,
  withKms,
  type Subcommand,
} from '../subcommand.ts';
import { factsOfKey } from './facts-of-key.ts';

const usage = `Usage: s2n-pkey keys import --key <file> --alias <alias> [options]
       s2n-pkey keys import --key <file> --key-id <key> [options]

Brings a private key that you have into AWS KMS, so that its certificate goes on being served.
Checks that KMS can hold the key and that it belongs to its certificate, creates a key in KMS,
encrypts yours for KMS in locked memory, imports it, compares the public keys, and has KMS sign
something. Then it prints what to delete.

If it fails half-way, run it again: it continues where it stopped. Run it again, too, after the
imported key has expired or was deleted. It changes nothing if the alias belongs to another key.

  s2n-pkey keys import --key key.pem --cert cert.pem --alias alias/site --dry-run
  s2n-pkey keys import --key key.pem --cert cert.pem --alias alias/site

KMS takes RSA keys of 2048, 3072 and 4096 bits, P-256, P-384 and P-521.

  --key <file>              PEM file of the private key
  --passphrase-file <file>  file with the passphrase of an encrypted key
  --cert <file>             PEM file of its certificate, to check that they belong together
  --alias <alias>           alias/ and a name, for the key in KMS
  --key-id <key>            id or ARN of a key in KMS of origin EXTERNAL, instead of --alias
  --multi-region            create a multi-Region key; import into each replica with --key-id
  --valid-days <days>       let KMS delete its copy after 1 to 365 days (default: never)
  --description <text>      what the key is for
  --tag <name=value>        a tag of the key; repeat it for several tags
  --dry-run                 check everything, and change nothing
  --region <region>         Region of the key (default: as the AWS SDK finds it)
  --endpoint <url>          URL of another KMS, such as the local one (default: as the AWS SDK finds it)
  --json                    print JSON
  --help                    print this text
`;

const day = 24 * 60 * 60 * 1000;

const steps: Readonly<Record<ImportStep, string>> = {
  create: 'Creating the key in KMS',
  wrap: 'Encrypting the private key for KMS',
  token: 'KMS no longer takes the import token: requesting another one',
  import: 'Importing it',
  prove: 'Comparing the public keys, and having KMS sign',
};

export const importKeyCommand: Subcommand = {
  name: 'import',
  summary: 'bring a private key that you have into KMS, and keep its certificate',
  async run(args) {
    const given = readArguments('keys import', usage, () =>
      parseArgs({
        args: [...args],
        options: {
          key: { type: 'string' },
          'passphrase-file': { type: 'string' },
          cert: { type: 'string' },
          alias: { type: 'string' },
          'key-id': { type: 'string' },
          'multi-region': { type: 'boolean', default: false },
          'valid-days': { type: 'string' },
          description: { type: 'string' },
          tag: { type: 'string', multiple: true },
          'dry-run': { type: 'boolean', default: false },
          ...kmsOptions,
        },
      }),
    );
    if (!given) return;
    const { values } = given;
    const { key: path, alias, 'key-id': keyId, description, 'valid-days': days } = values;
    if (path === undefined) throw usageError('keys import', '--key is required');
    if ((alias === undefined) === (keyId === undefined)) {
      throw usageError('keys import', 'either --alias or --key-id is required');
    }
    const passphrase = values['passphrase-file'];
    const key = readFile('--key', path);
    try {
      const options: ImportKeyOptions = {
        ...{ key, multiRegion: values['multi-region'], dryRun: values['dry-run'] },
        tags: readTags('keys import', values.tag),
        ...(passphrase === undefined ? {} : { passphrase: readPassphrase(passphrase) }),
        ...(values.cert === undefined ? {} : { cert: readFile('--cert', values.cert) }),
        ...(alias === undefined ? {} : { alias }),
        ...(keyId === undefined ? {} : { keyId }),
        ...(description === undefined ? {} : { description }),
        ...(days === undefined ? {} : { validTo: new Date(Date.now() + readDays(days) * day - 60_000) }),
        ...(values.json ? {} : { onStep: (step) => process.stderr.write(`${steps[step]} …\n`) }),
      };
      const imported = await withKms(values, (client) => importKey(client, options));
      if (values.json) printJson({ ...imported, alias });
      else report(imported, { alias, path, hasCert: values.cert !== undefined });
    } finally {
      key.fill(0);
    }
  },
};

function report(
  { action, dryRun, key, keySpec, fingerprint }: ImportedKey,
  { alias, path, hasCert }: { alias: string | undefined; path: string; hasCert: boolean },
): void {
  const headings = dryRun
    ? {
        create: `Nothing was changed. An import would create a key of spec ${keySpec}:`,
        import: 'Nothing was changed. An import would go into this key:',
        none: 'Nothing was changed. KMS has this key already:',
      }
    : {
        create: 'KMS has the key, and signs with it:',
        import: 'KMS has the key, and signs with it:',
        none: 'KMS had the key already, and signs with it:',
      };
  process.stdout.write(`${headings[action]}\n`);
  printFacts({ alias, ...(key ? factsOfKey(key) : {}), 'public key': `SHA-256 ${fingerprint}` });
  if (!hasCert) process.stdout.write('\nThe key was not compared with a certificate: give --cert.\n');
  if (dryRun) return;
  const name = alias ?? key?.arn ?? '';
  process.stdout.write(`
Next:
1. Serve the same certificate with KmsSigner.open({ keyId: '${name}' }).
   s2n-pkey doctor --key ${name} --cert FILE checks it.
2. Delete ${resolve(path)} (shred -u), and its other copies: on other machines, in backups, in
   the repository of your configuration, in secrets of Kubernetes and CI.
   KMS does not back up an imported key: keep one copy offline if you may have to import it again.
`);
}

function readDays(text: string): number {
  const days = Number(text);
  if (Number.isInteger(days) && days >= 1 && days <= 365) return days;
  throw usageError('keys import', `--valid-days expects 1 to 365, and was given '${text}'`);
}

function readPassphrase(path: string): string {
  return readFile('--passphrase-file', path)
    .toString('utf8')
    .replace(/\r?\n$/, '');
}

function readFile(option: string, path: string): Buffer {
  return readGivenFile('keys import', `${option} ${path}`, path);
}
