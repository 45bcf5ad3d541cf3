import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { LocalKmsError } from './store/local-kms-error.ts';
import type { LocalKmsServer, LocalKmsServerOptions } from './server.ts';

/**
 * Runs a command whose AWS SDK, or `aws` command line, uses this local KMS, and resolves to its exit code when it has ended. SIGTERM and
 * SIGINT go to the command, which decides when it ends.
 */
export async function runWith(
  server: LocalKmsServer,
  options: LocalKmsServerOptions,
  [program = '', ...args]: readonly string[],
): Promise<number> {
  const child = spawn(program, args, { stdio: 'inherit', env: environmentFor(server.endpoint, options) });
  const forward = (signal: NodeJS.Signals): void => void child.kill(signal);
  // A terminal sends SIGINT to the command itself.
  const ignore = (): void => undefined;
  process.on('SIGTERM', forward);
  process.on('SIGINT', process.stdin.isTTY ? ignore : forward);
  return await new Promise((resolve, reject) => {
    child.on('error', (cause) =>
      reject(new LocalKmsError(`the command '${program}' cannot be started (${cause.message})`, { cause })),
    );
    child.on('exit', (code, signal) =>
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal])),
    );
  });
}

function environmentFor(endpoint: string, { credentials, region }: LocalKmsServerOptions): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('AWS_'));
  const { accessKeyId, secretAccessKey, sessionToken } = credentials;
  return {
    ...Object.fromEntries(kept),
    AWS_ENDPOINT_URL_KMS: endpoint,
    AWS_REGION: region,
    AWS_ACCESS_KEY_ID: accessKeyId,
    AWS_SECRET_ACCESS_KEY: secretAccessKey,
    ...(sessionToken === undefined ? {} : { AWS_SESSION_TOKEN: sessionToken }),
  };
}
