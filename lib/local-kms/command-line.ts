import { randomBytes } from 'node:crypto';
import { isIP } from 'node:net';
import { homedir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { Given, InvalidOptionError } from '../errors.ts';
import { parseQuota } from './quotas.ts';
import type { LocalKmsServerOptions } from './server.ts';
import type { LocalKmsCredentials } from './request/sigv4.ts';

/** The environment variable by which a parent process gives the control endpoint's token. */
export const controlTokenVariable = 'S2N_PKEY_LOCAL_KMS_CONTROL_TOKEN';

/** How the line begins by which a parent process knows that the local KMS listens, and where. */
export const listeningPrefix = 'listening on ';

export const defaultPort = 7411;
export const defaultRegion = 'us-east-1';
export const defaultAccount = '000000000000';
export const defaultCredentials: LocalKmsCredentials = {
  accessKeyId: 'LOCALKMSDEVELOPMENT',
  secretAccessKey: 'local-kms-development-only',
};

export const usage = `Usage: s2n-pkey local-kms [options] [-- command [arguments]]

Runs a KMS on this machine that the AWS SDK accepts, for development and tests.
Never use it in production: its keys are on disk, unencrypted, and its credentials allow everything.

Options:
  --port <port>               port to listen on; 0 for any free port (default: ${defaultPort})
  --host <address>            loopback address to listen on (default: 127.0.0.1)
  --data <directory>          where to keep the keys
                              (default: $XDG_DATA_HOME/s2n-pkey/local-kms, or ~/.local/share/s2n-pkey/local-kms)
  --access-key-id <id>        credentials that requests must be signed with; give both or neither
  --secret-access-key <key>   (default: AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN of the
                              environment, or else ${defaultCredentials.accessKeyId} and ${defaultCredentials.secretAccessKey})
  --session-token <token>     session token that belongs to them
  --region <region>           Region to simulate (default: ${defaultRegion})
  --account <account>         account to simulate, twelve digits (default: ${defaultAccount})
  --replicas-of <directory>   data directory of a local KMS in another Region: serve replicas of its
                              multi-Region keys
  --quota <kind=number,...>   requests a second with all keys of a kind (ecc, rsa, mldsa, symmetric), such as ecc=1000; more are
                              answered with ThrottlingException (default: no limit)
  --parent-lifetime           stop when standard input ends, as it does when the parent process ends
  -h, --help                  print this text

It prints "listening on http://HOST:PORT" when it is ready, and stops at SIGTERM and SIGINT. Tests can make it misbehave
through POST /_control, with the token in ${controlTokenVariable} or the one that it prints.

With a command, it listens on any free port unless --port names one, runs the command with an environment that makes
the AWS SDK use this KMS, and exits with the exit code of the command.
`;

export interface CommandLine {
  readonly server: LocalKmsServerOptions;
  readonly parentLifetime: boolean;
  /** The command to run beside the KMS, and its arguments; empty without one. */
  readonly command: readonly string[];
  /** Whether the control token is one that nobody knows yet. */
  readonly controlTokenIsNew: boolean;
}

export const regionPattern = /^[a-z]{2,}(-[a-z]+)+-\d+$/;
export const accountPattern = /^\d{12}$/;

type Environment = Readonly<Record<string, string | undefined>>;

/** Whether `host` is an address of the loopback interface, or `localhost`. */
function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

function parsePort(text: string): number {
  const port = /^\d{1,5}$/.test(text) ? Number(text) : NaN;
  if (!(port <= 65535)) throw new InvalidOptionError('--port', 'a number from 0 to 65535', text);
  return port;
}

function defaultDataDirectory(environment: Environment): string {
  const base = environment['XDG_DATA_HOME'] ?? path.join(homedir(), '.local', 'share');
  return path.join(base, 's2n-pkey', 'local-kms');
}

function credentialsOf(
  accessKeyId: string | undefined,
  secretAccessKey: string | undefined,
  sessionToken: string | undefined,
  environment: Environment,
): LocalKmsCredentials {
  if ((accessKeyId === undefined) !== (secretAccessKey === undefined)) {
    const missing = accessKeyId === undefined ? '--access-key-id' : '--secret-access-key';
    throw new InvalidOptionError(missing, '--access-key-id and --secret-access-key together', undefined);
  }
  if (accessKeyId === '' || secretAccessKey === '' || sessionToken === '') {
    throw new InvalidOptionError('--access-key-id, --secret-access-key, --session-token', 'text', '');
  }
  const given =
    accessKeyId !== undefined && secretAccessKey !== undefined
      ? { accessKeyId, secretAccessKey }
      : credentialsFromEnvironment(environment);
  const token = sessionToken ?? ('sessionToken' in given ? given.sessionToken : undefined);
  return { ...given, ...(token === undefined ? {} : { sessionToken: token }) };
}

function credentialsFromEnvironment(environment: Environment): LocalKmsCredentials {
  const accessKeyId = environment['AWS_ACCESS_KEY_ID'] ?? '';
  const secretAccessKey = environment['AWS_SECRET_ACCESS_KEY'] ?? '';
  const sessionToken = environment['AWS_SESSION_TOKEN'] ?? '';
  if (accessKeyId === '' || secretAccessKey === '') return defaultCredentials;
  return { accessKeyId, secretAccessKey, ...(sessionToken === '' ? {} : { sessionToken }) };
}

function parseArguments(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        port: { type: 'string' },
        host: { type: 'string' },
        data: { type: 'string' },
        'access-key-id': { type: 'string' },
        'secret-access-key': { type: 'string' },
        'session-token': { type: 'string' },
        region: { type: 'string' },
        account: { type: 'string' },
        'replicas-of': { type: 'string' },
        quota: { type: 'string' },
        'parent-lifetime': { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new InvalidOptionError(
      'local-kms',
      `other options (${message})`,
      new Given('what it does not have'),
      { cause },
    );
  }
}

/** Reads the command line; undefined when it asks for help. Throws `InvalidOptionError`. */
export function parseCommandLine(args: readonly string[], environment: Environment): CommandLine | undefined {
  const end = args.indexOf('--');
  const command = end === -1 ? [] : args.slice(end + 1);
  const values = parseArguments(end === -1 ? args : args.slice(0, end));
  if (values.help === true) return undefined;
  const { host = '127.0.0.1', region = defaultRegion, account = defaultAccount } = values;
  if (!isLoopback(host)) {
    throw new InvalidOptionError(
      '--host',
      'a loopback address such as 127.0.0.1: the local KMS is not for other machines to reach',
      host,
    );
  }
  if (!regionPattern.test(region)) {
    throw new InvalidOptionError('--region', 'the name of a Region, such as us-east-1', region);
  }
  if (!accountPattern.test(account)) throw new InvalidOptionError('--account', 'twelve digits', account);
  if (end !== -1 && command.length === 0) throw new InvalidOptionError('--', 'a command to run', undefined);
  if (values.data === '') throw new InvalidOptionError('--data', 'the path of a directory', values.data);

  const givenToken = environment[controlTokenVariable];
  const controlTokenIsNew = givenToken === undefined || givenToken === '';
  return {
    server: {
      dataDirectory: values.data ?? defaultDataDirectory(environment),
      host,
      port: values.port === undefined ? (command.length === 0 ? defaultPort : 0) : parsePort(values.port),
      credentials: credentialsOf(
        values['access-key-id'],
        values['secret-access-key'],
        values['session-token'],
        environment,
      ),
      region,
      account,
      replicasOf: values['replicas-of'],
      quota: values.quota === undefined ? undefined : parseQuota(values.quota),
      controlToken: controlTokenIsNew ? randomBytes(24).toString('base64url') : givenToken,
    },
    parentLifetime: values['parent-lifetime'] === true,
    command,
    controlTokenIsNew,
  };
}
