import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { S2nPkeyError } from '../errors.ts';
import { KmsSigner } from '../signers/kms/kms-signer.ts';
import type { SignatureScheme } from '../signers/signature-scheme.ts';
import { serveSigner } from '../signers/socket/serve-signer.ts';
import type { ServedSignature, ServeSignerOptions } from '../signers/socket/serve-signer-options.ts';
import type { Command } from './command.ts';
import { LineLog } from './signer/line-log.ts';

const usage = `Usage: s2n-pkey signer --socket PATH --key KEY [options]

Signs with a key in AWS KMS for other processes of this machine, through a Unix socket: this process has the AWS credentials,
and those that use the socket have none (SocketSigner.open({ path }) of s2n-pkey/socket-signer).

  --socket <path>  of the socket; a file that an earlier process left is replaced, one that somebody listens at is not
  --key <key>      a key's id or ARN, or an alias' name or ARN, such as alias/site
  --region <name>  where the key is (as the AWS SDK finds it)
  --mode <octal>   who may connect, and so sign: 600, this user, unless given; 660, its group too
  --schemes <list> the signature schemes that may be asked for, with commas between them: all that the key has, unless given
  --per-second <n> signatures a second, of all connections: 800 unless given
  --in-flight <n>  signatures under way, of all connections: 256 unless given
  --quiet          no line for each signature
  --help

It prints "listening on PATH" when it is ready, and then a line of JSON for each signature: when, which connection, scheme, outcome,
milliseconds, KMS's request id. It ends in order at SIGTERM and SIGINT: what was asked for is answered.
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
  readonly keyId: string;
  readonly region: string | undefined;
  readonly isQuiet: boolean;
  readonly serving: Omit<ServeSignerOptions, 'signer'>;
}

/** Only what the log of a site's signatures needs: no message, and nothing of what was signed. */
function lineOf({ startTime, durationMs, queuedMs, ...facts }: ServedSignature): string {
  const rounded = (value: number): number => Math.round(value * 100) / 100;
  return JSON.stringify({
    time: new Date(startTime).toISOString(),
    ...facts,
    durationMs: rounded(durationMs),
    ...(queuedMs === undefined ? {} : { queuedMs: rounded(queuedMs) }),
  });
}

async function serve({ keyId, region, isQuiet, serving }: SignerArguments): Promise<void> {
  const stopped = new AbortController();
  const { signal } = stopped;
  // Before it listens: a signal that comes at once ends it in order, too.
  const ended = Promise.race([once(process, 'SIGTERM', { signal }), once(process, 'SIGINT', { signal })]);
  ended.catch(() => undefined);
  try {
    const signer = await KmsSigner.open({ keyId, ...(region === undefined ? {} : { region }) });
    try {
      const log = new LineLog();
      const report = (signature: ServedSignature): void => log.write(lineOf(signature));
      const server = await serveSigner({ signer, ...serving, ...(isQuiet ? {} : { onSignature: report }) });
      log.write(`key ${signer.keyArn} (${signer.keySpec})`);
      log.write(`listening on ${server.path}`);
      await ended;
      await server.close();
      log.close();
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
        schemes: { type: 'string' },
        'per-second': { type: 'string' },
        'in-flight': { type: 'string' },
        quiet: { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }));
  } catch (cause) {
    throw usageError(cause instanceof Error ? cause.message : String(cause));
  }
  if (values.help) return undefined;
  const { socket: path, key: keyId, region, mode, schemes, quiet: isQuiet } = values;
  if (path === undefined) throw usageError('--socket is missing');
  if (keyId === undefined) throw usageError('--key is missing');
  if (!/^0?[0-7]{3}$/.test(mode)) throw usageError(`--mode expects permissions such as 660, given '${mode}'`);
  const perSecond = readNumber('--per-second', values['per-second']);
  const inFlight = readNumber('--in-flight', values['in-flight']);
  const signatureLimits = {
    ...(perSecond === undefined ? {} : { perSecond }),
    ...(inFlight === undefined ? {} : { inFlight }),
  };
  const serving = {
    path,
    mode: Number.parseInt(mode, 8),
    signatureLimits,
    // What is no scheme is refused by its name.
    ...(schemes === undefined ? {} : { schemes: schemes.split(',') as SignatureScheme[] }),
  };
  return { keyId, region, isQuiet, serving };
}

function readNumber(name: string, given: string | undefined): number | undefined {
  if (given === undefined) return undefined;
  if (/^[1-9]\d{0,8}$/.test(given)) return Number(given);
  throw usageError(`${name} expects a whole number, 1 or more, given '${given}'`);
}

function usageError(problem: string): S2nPkeyError {
  return new S2nPkeyError('ERR_S2N_PKEY_USAGE', `${problem}; see s2n-pkey signer --help`);
}
