import path from 'node:path';
import { S2nPkeyError } from '../errors.ts';
import { listeningPrefix, parseCommandLine, usage, type CommandLine } from './command-line.ts';
import { runWith } from './run-command.ts';
import { LocalKmsServer } from './server.ts';

/**
 * Runs the local KMS as this process, until SIGTERM or SIGINT (or the end of standard input with `--parent-lifetime`).
 * What is wrong at start goes to standard error in one sentence, and the exit code is 1, or 2 for a wrong command line.
 */
export async function runLocalKms(args: readonly string[]): Promise<void> {
  let commandLine: CommandLine | undefined;
  try {
    commandLine = parseCommandLine(args, process.env);
  } catch (error) {
    fail(error, 2);
    return;
  }
  if (commandLine === undefined) {
    process.stdout.write(usage);
    return;
  }
  let server: LocalKmsServer;
  try {
    server = await LocalKmsServer.start(commandLine.server);
  } catch (error) {
    fail(error, 1);
    return;
  }
  if (commandLine.command.length > 0) {
    await runCommand(commandLine, server);
    return;
  }
  const stop = stopper(server);
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  if (commandLine.parentLifetime) {
    process.stdin.on('end', stop).on('error', stop).resume();
  }
  // Whoever reads the output may go away before us: not a reason to stop.
  process.stdout.on('error', () => undefined);
  announce(commandLine, server.endpoint);
}

/** Standard output is the command's own. */
async function runCommand({ server: options, command }: CommandLine, server: LocalKmsServer): Promise<void> {
  process.stderr.write(
    `local KMS at ${server.endpoint}, for development and tests only; keys in ${path.resolve(options.dataDirectory)}\n`,
  );
  try {
    process.exitCode = await runWith(server, options, command);
  } catch (error) {
    fail(error, 127);
  }
  await server.close();
  process.exit();
}

function announce({ server, controlTokenIsNew }: CommandLine, endpoint: string): void {
  const lines = [
    'Local KMS: for development and tests only, never for production. ' +
      `Its keys lie unencrypted in ${path.resolve(server.dataDirectory)}`,
    `${listeningPrefix}${endpoint}`,
    `region ${server.region}, account ${server.account}, access key id ${server.credentials.accessKeyId}`,
  ];
  if (controlTokenIsNew) lines.push(`control token ${server.controlToken}`);
  process.stdout.write(`${lines.join('\n')}\n`);
}

function stopper(server: LocalKmsServer): () => void {
  let stopping = false;
  return () => {
    if (stopping) return;
    stopping = true;
    server.close().then(
      () => process.exit(0),
      (error: unknown) => {
        fail(error, 1);
        process.exit();
      },
    );
  };
}

function fail(error: unknown, exitCode: number): void {
  const expected = error instanceof S2nPkeyError;
  const text = expected
    ? error.message
    : error instanceof Error
      ? (error.stack ?? error.message)
      : String(error);
  process.stderr.write(`s2n-pkey local-kms: ${text}\n`);
  process.exitCode = exitCode;
}
