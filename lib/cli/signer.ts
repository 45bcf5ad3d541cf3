import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { S2nPkeyError } from '../errors.ts';
import { KmsSigner } from '../signers/kms/kms-signer.ts';
import { serveSigner } from '../signers/socket/serve-signer.ts';
import type { Command } from './command.ts';

const usage = `Usage: s2n-pkey signer --socket PATH --key KEY [options]

Signs with a key in AWS KMS for other processes of this machine, through a Unix socket: this process has the AWS credentials,
and those that use the socket have none (SocketSigner.open({ path }) of s2n-pkey/socket-signer).

  --socket <path>  of the socket; a file that an earlier process left is replaced, one that somebody listens at is not
  --key <key>      a key's id or ARN, or an alias' name or ARN, such as alias/site
  --region <name>  where the key is (as the AWS SDK finds it)
  --mode <octal>   who may connect, and so sign: 600, this user, unless given; 660, its group too
  --help

It prints "listening on PATH" when it is ready, and ends in order at SIGTERM and SIGINT: what was asked for is answered.
`;

export const signerCommand: Command = {
  name: 'signer',
  summary: 'sign with a key in KMS for other processes, through a Unix socket',
  run: runSigner,
};

async function runSigner(args: readonly string[]): Promise<void> {
  try {
    const options = readArguments(args);
    if (options === undefined) {
      process.stdout.write(usage);
      return;
    }
    await serve(options);
  } catch (error) {
    const known = error instanceof S2nPkeyError;
    process.stderr.write(
      `s2n-pkey signer: ${known ? error.message : String(error instanceof Error ? error.stack : error)}\n`,
    );
    process.exitCode = known && error.code === 'ERR_S2N_PKEY_USAGE' ? 2 : 1;
  }
}

interface SignerArguments {
  readonly path: string;
  readonly keyId: string;
  readonly region: string | undefined;
  readonly mode: number;
}

async function serve({ path, keyId, region, mode }: SignerArguments): Promise<void> {
  const stopped = new AbortController();
  const { signal } = stopped;
  // Before it listens: a signal that comes at once ends it in order, too.
  const ended = Promise.race([once(process, 'SIGTERM', { signal }), once(process, 'SIGINT', { signal })]);
  ended.catch(() => undefined);
  try {
    const signer = await KmsSigner.open({ keyId, ...(region === undefined ? {} : { region }) });
    try {
      const server = await serveSigner({ signer, path, mode });
      process.stdout.on('error', () => undefined); // Whoever reads may go away.
      process.stdout.write(`key ${signer.keyArn} (${signer.keySpec})\nlistening on ${server.path}\n`);
      await ended;
      await server.close();
    } finally {
      signer.close();
    }
  } finally {
    stopped.abort();
  }
}

function readArguments(args: readonly string[]): SignerArguments | undefined {
  let values;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        socket: { type: 'string' },
        key: { type: 'string' },
        region: { type: 'string' },
        mode: { type: 'string', default: '600' },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (cause) {
    throw usageError(cause instanceof Error ? cause.message : String(cause));
  }
  if (values.help) return undefined;
  const { socket: path, key: keyId, region, mode } = values;
  if (path === undefined) throw usageError('--socket is missing');
  if (keyId === undefined) throw usageError('--key is missing');
  if (!/^0?[0-7]{3}$/.test(mode)) throw usageError(`--mode expects permissions such as 660, given '${mode}'`);
  return { path, keyId, region, mode: Number.parseInt(mode, 8) };
}

function usageError(problem: string): S2nPkeyError {
  return new S2nPkeyError('ERR_S2N_PKEY_USAGE', `${problem}; see s2n-pkey signer --help`);
}
