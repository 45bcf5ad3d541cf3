import type { KMSClient } from '@aws-sdk/client-kms';
import type { KmsClientOptions } from '../../client/kms-client.ts';
import { explainKmsFailure } from '../../client/kms-error.ts';
import type { OpenedRequests } from '../open-requests.ts';
import type { SigningLimits } from '../signing-limits.ts';
import { plainCredentials } from './messages.ts';
import { ThreadRequests } from './thread-requests.ts';

/**
 * Starts a thread that asks for signatures by a key. Credentials that were given as a provider stay in this thread, which is asked for them;
 * what was not given, the SDK finds in that thread as in this one.
 *
 * @param client a client with the same options.
 * @throws KmsError
 */
export async function openThread(
  client: KMSClient,
  keyArn: string,
  { region, endpoint, credentials }: KmsClientOptions,
  { limits, fast }: { readonly limits: SigningLimits; readonly fast: boolean },
): Promise<OpenedRequests> {
  const isProvider = typeof credentials === 'function';
  const setup = {
    keyArn,
    region,
    endpoint,
    credentials: isProvider ? 'asked' : credentials === undefined ? undefined : plainCredentials(credentials),
    limits,
    fast,
  } as const;
  try {
    return await ThreadRequests.open(
      setup,
      isProvider ? (options) => client.config.credentials(options) : undefined,
    );
  } catch (cause) {
    throw explainKmsFailure(cause, { operation: 'Sign', key: keyArn });
  }
}
