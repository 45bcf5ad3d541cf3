import path from 'node:path';
import { KMSClient } from '@aws-sdk/client-kms';
import { startLocalKms, type LocalKms } from '../../local-kms/start.ts';

/** For `new KMSClient` and `KmsSigner.open`; empty: as the AWS SDK finds it. */
export type DemoClientOptions = LocalKms['clientOptions'] | Readonly<Record<string, never>>;

/** The KMS the demonstration works with. */
export interface ChosenKms {
  /** In words, for the reader: which, where, and why. */
  readonly description: string;
  readonly isAws: boolean;
  readonly clientOptions: DemoClientOptions;
  /** Stops what was started. */
  close(): Promise<void>;
}

/** Where the local KMS keeps the demonstration's key between runs. */
const localKeys = path.join('.s2n-pkey', 'local-kms');

/**
 * AWS KMS when a Region and credentials are configured in any of the ways that the AWS SDK knows (`AWS_ENDPOINT_URL_KMS`
 * included); otherwise, or with `local`, a local KMS, which is started.
 */
export async function chooseKms(local: boolean, dataDirectory = localKeys): Promise<ChosenKms> {
  const aws = local ? { lacks: '--local was given' } : await configuredAws();
  if ('region' in aws) {
    const at = aws.endpoint === undefined ? '' : ` at ${aws.endpoint}`;
    return {
      description: `AWS KMS in ${aws.region}${at}, with the credentials configured here (${aws.accessKeyId})`,
      isAws: true,
      clientOptions: {},
      close: () => Promise.resolve(),
    };
  }
  const kms = await startLocalKms({
    dataDirectory: path.resolve(dataDirectory),
    credentials: { accessKeyId: 'LOCALDEMONSTRATION', secretAccessKey: 'local-demonstration-only' },
  });
  return {
    description:
      `a local KMS at ${kms.endpoint}, a process of its own (pid ${kms.pid}) that keeps its keys in ${dataDirectory}: for ` +
      `development only (${aws.lacks})`,
    isAws: false,
    clientOptions: kms.clientOptions,
    close: () => kms.close(),
  };
}

async function configuredAws(): Promise<
  { region: string; accessKeyId: string; endpoint: string | undefined } | { lacks: string }
> {
  const client = new KMSClient({});
  try {
    const region = await client.config.region();
    const { accessKeyId } = await client.config.credentials();
    const endpoint = process.env['AWS_ENDPOINT_URL_KMS'] ?? process.env['AWS_ENDPOINT_URL'];
    return { region, accessKeyId: mask(accessKeyId), endpoint };
  } catch {
    return { lacks: 'no AWS Region and credentials are configured' };
  } finally {
    client.destroy();
  }
}

function mask(accessKeyId: string): string {
  return `${accessKeyId.slice(0, 4)}…${accessKeyId.slice(-4)}`;
}
