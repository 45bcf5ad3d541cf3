import { readFileSync } from 'node:fs';
import { KMSClient } from '@aws-sdk/client-kms';
import { S2nPkeyError } from '../errors.ts';

/** A command of a command, such as `import` of `s2n-pkey keys`. */
export interface Subcommand {
  readonly name: string;
  /** One line for the list of them. */
  readonly summary: string;
  run(args: readonly string[]): Promise<void>;
}

/** Runs what the first argument names; without one, or with `--help`, prints which there are. */
export async function runSubcommand(
  command: string,
  about: string,
  subcommands: readonly Subcommand[],
  [name, ...args]: readonly string[],
): Promise<void> {
  const width = Math.max(...subcommands.map((one) => one.name.length));
  const lines = subcommands.map((one) => `  ${one.name.padEnd(width)}  ${one.summary}`).join('\n');
  const usage =
    `Usage: s2n-pkey ${command} <command> [options]\n\n${about}\n\nCommands:\n${lines}\n\n` +
    `s2n-pkey ${command} <command> --help explains a command and lists its options.\n`;
  const found = subcommands.find((one) => one.name === name);
  if (found === undefined) {
    const isHelp = name === '--help' || name === '-h' || name === 'help';
    if (isHelp) {
      process.stdout.write(usage);
      return;
    }
    const problem = name === undefined ? 'a command is missing' : `there is no command '${name}'`;
    process.stderr.write(`s2n-pkey ${command}: ${problem}.\n\n${usage}`);
    process.exitCode = 2;
    return;
  }
  try {
    await found.run(args);
  } catch (error) {
    reportFailure(`${command} ${found.name}`, error);
  }
}

function reportFailure(command: string, error: unknown): void {
  if (!(error instanceof Error)) throw error;
  const code = 'code' in error ? String(error.code) : undefined;
  const isUsage = code === 'ERR_S2N_PKEY_USAGE' || code === 'ERR_S2N_PKEY_INVALID_OPTION';
  const text = code === undefined ? String(error.stack) : error.message;
  const shown = code === undefined || isUsage ? '' : ` (${code})`;
  process.stderr.write(`s2n-pkey ${command}: ${text}${shown}\n`);
  process.exitCode = isUsage ? 2 : 1;
}

/** Options of every subcommand, for `parseArgs`. */
export const outputOptions = {
  json: { type: 'boolean', default: false },
  help: { type: 'boolean', default: false },
} as const;

/** Those of every subcommand that asks KMS. */
export const kmsOptions = {
  region: { type: 'string' },
  endpoint: { type: 'string' },
  ...outputOptions,
} as const;

/**
 * Arguments as `parse` reads them with `parseArgs`; undefined where they ask for help, which is printed then.
 *
 * @throws S2nPkeyError `ERR_S2N_PKEY_USAGE`
 */
export function readArguments<T extends { readonly values: { readonly help: boolean } }>(
  command: string,
  usage: string,
  parse: () => T,
): T | undefined {
  let read;
  try {
    read = parse();
  } catch (cause) {
    throw usageError(
      command,
      cause instanceof Error ? cause.message : 'an argument that is not known',
      cause,
    );
  }
  if (!read.values.help) return read;
  process.stdout.write(usage);
  return undefined;
}

/** Bytes of a file that an argument names as `what`. @throws S2nPkeyError `ERR_S2N_PKEY_USAGE` */
export function readGivenFile(command: string, what: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : 'unknown reason';
    throw usageError(command, `${what} cannot be read: ${why}`, cause);
  }
}

export function usageError(command: string, problem: string, cause?: unknown): S2nPkeyError {
  const message = `${problem}; see s2n-pkey ${command} --help`;
  return new S2nPkeyError('ERR_S2N_PKEY_USAGE', message, cause === undefined ? {} : { cause });
}

export interface KmsPlace {
  readonly region?: string | undefined;
  readonly endpoint?: string | undefined;
}

/** The options of a client, without those that are not given. */
export function placeOf({ region, endpoint }: KmsPlace): { region?: string; endpoint?: string } {
  return {
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
  };
}

/** Lends a client of KMS. */
export async function withKms<T>(place: KmsPlace, use: (client: KMSClient) => Promise<T>): Promise<T> {
  const client = new KMSClient(placeOf(place));
  try {
    return await use(client);
  } finally {
    client.destroy();
  }
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, undefined, 2)}\n`);
}

/** Rows of a name and a value, without those that have none. */
export function printFacts(facts: Readonly<Record<string, string | undefined>>): void {
  const rows = Object.entries(facts).filter(([, value]) => value !== undefined && value !== '');
  const width = Math.max(...rows.map(([name]) => name.length));
  for (const [name, value] of rows) process.stdout.write(`${name.padEnd(width)}  ${value}\n`);
}

/** `name=value` of `--tag`. @throws S2nPkeyError `ERR_S2N_PKEY_USAGE` */
export function readTags(command: string, given: readonly string[] = []): Record<string, string> {
  return Object.fromEntries(
    given.map((tag) => {
      const at = tag.indexOf('=');
      if (at < 1) throw usageError(command, `--tag expects NAME=VALUE, and was given '${tag}'`);
      return [tag.slice(0, at), tag.slice(at + 1)];
    }),
  );
}
