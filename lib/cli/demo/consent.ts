import { createInterface } from 'node:readline/promises';
import { KMSClient } from '@aws-sdk/client-kms';
import { S2nPkeyError } from '../../errors.ts';
import { demoKeyAlias } from '../../signers/kms/keys/demo-key.ts';
import { findKey } from '../../signers/kms/keys/key.ts';
import type { ChosenKms } from './choose-kms.ts';

/**
 * Whether the demonstration may create its key. Creating one in a real account costs money, so it needs `--yes` or an answer on the
 * terminal. A local KMS, or a key that exists already, needs neither.
 *
 * @throws S2nPkeyError when nobody can be asked.
 */
export async function mayCreateKey(kms: ChosenKms, yes: boolean): Promise<boolean> {
  if (!kms.isAws || yes || (await demoKeyExists(kms))) return true;
  process.stdout.write(
    `To create     one P-384 signing key (ECC_NIST_P384) with the alias ${demoKeyAlias}, in this account\n`,
  );
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    throw new S2nPkeyError(
      'ERR_S2N_PKEY_USAGE',
      'this would create a key in your AWS account, and there is no terminal to ask on; ' +
        'pass --yes to allow it, or --local to use a local KMS',
    );
  }
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await terminal.question('Create it?    [y/N] ')).trim());
  } finally {
    terminal.close();
  }
}

async function demoKeyExists(kms: ChosenKms): Promise<boolean> {
  const client = new KMSClient(kms.clientOptions);
  try {
    return (await findKey(client, demoKeyAlias)) !== undefined;
  } finally {
    client.destroy();
  }
}
