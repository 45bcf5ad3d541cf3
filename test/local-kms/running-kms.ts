import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { request } from 'node:http';
import { promisify } from 'node:util';
import { CreateKeyCommand, KMSClient, type KeySpec } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import { startLocalKms, type LocalKms, type LocalKmsOptions } from '../../lib/local-kms/start.ts';

/** A local KMS and an SDK client for it, for the tests of one `describe`. */
export interface RunningKms {
  readonly kms: LocalKms;
  readonly client: KMSClient;
}

/** Starts a local KMS before the tests of the `describe` it is called in, and stops it after them. */
export function runningKms(options: LocalKmsOptions = {}): () => RunningKms {
  let running: RunningKms | undefined;
  before(async () => {
    const kms = await startLocalKms(options);
    running = { kms, client: sdkClient(kms) };
  });
  after(async () => {
    running?.client.destroy();
    await running?.kms.close();
  });
  return () => {
    if (running === undefined) throw new Error('the local KMS is not running');
    return running;
  };
}

/** The SDK's client as it comes, but asking only once: these tests are about each answer. */
export function sdkClient(kms: LocalKms): KMSClient {
  return new KMSClient({ ...kms.clientOptions, maxAttempts: 1 });
}

/** Makes a key that signs (or makes MACs) and returns its id and ARN. */
export async function createKey(
  client: KMSClient,
  keySpec: KeySpec,
): Promise<{ keyId: string; arn: string }> {
  const { KeyMetadata: metadata } = await client.send(
    new CreateKeyCommand({
      KeySpec: keySpec,
      KeyUsage: keySpec.startsWith('HMAC') ? 'GENERATE_VERIFY_MAC' : 'SIGN_VERIFY',
    }),
  );
  return { keyId: defined(metadata?.KeyId), arn: defined(metadata?.Arn) };
}

export function defined<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('a value is missing from an answer');
  return value;
}

/** What the SDK rejects with. */
export interface SdkFailure {
  readonly name: string;
  readonly message: string;
  readonly status: number | undefined;
}

/** The error a command is refused with. */
export async function refusal(answer: Promise<unknown>): Promise<SdkFailure> {
  try {
    await answer;
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    const metadata: unknown = '$metadata' in error ? error.$metadata : undefined;
    const status =
      typeof metadata === 'object' && metadata !== null && 'httpStatusCode' in metadata
        ? metadata.httpStatusCode
        : undefined;
    return {
      name: error.name,
      message: error.message,
      status: typeof status === 'number' ? status : undefined,
    };
  }
  return expect.fail('the request succeeded');
}

export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
}

/** One HTTP request, exactly as given: for what no SDK would send. */
export function send(
  endpoint: string,
  options: { method?: string; path?: string; headers?: Record<string, string>; body?: string | Buffer },
): Promise<RawAnswer> {
  return new Promise((resolve, reject) => {
    const { method = 'POST', path = '/', headers = {}, body = '' } = options;
    const outgoing = request(new URL(path, endpoint), { method, headers, agent: false }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on('data', (chunk: Buffer) => chunks.push(chunk));
      incoming.on('error', reject);
      incoming.on('end', () => {
        const text = Buffer.concat(chunks).toString();
        resolve({ status: incoming.statusCode ?? 0, headers: incoming.headers, body: text });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}

export const run = promisify(execFile);

/** A message of any bytes. */
export function randomMessage(length = 100): Buffer {
  return randomBytes(length);
}
