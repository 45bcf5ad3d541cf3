import type { KMSClient } from '@aws-sdk/client-kms';
import { planRequests, UnknownRequest } from './request-plan.ts';
import { SdkRequests } from './sdk-requests.ts';
import type { SignRequests } from './sign-requests.ts';
import type { SigningLimits } from './signing-limits.ts';
import { nonDefaultClient } from './default-client.ts';

/** A way of asking for signatures, and why it is by way of the SDK if it is. */
export interface OpenedRequests {
  readonly requests: SignRequests;
  readonly reason: string | undefined;
}

/**
 * The fast way of asking for signatures by a key, or that by way of the SDK where the client has settings of its own.
 *
 * @param isOwn whether the client was made by this package, and is as it should be.
 */
export async function openRequests(
  client: KMSClient,
  keyArn: string,
  limits: SigningLimits,
  { isOwn, fast }: { readonly isOwn: boolean; readonly fast: boolean },
): Promise<OpenedRequests> {
  const sdk = new SdkRequests(client, keyArn, limits.timeout);
  if (!fast) return { requests: sdk, reason: 'the option `requests` says so' };
  const nonDefault = isOwn ? undefined : await nonDefaultClient(client);
  if (nonDefault !== undefined) return { requests: sdk, reason: nonDefault };
  const plan = await planRequests(client, keyArn);
  if (plan instanceof UnknownRequest) return { requests: sdk, reason: plan.reason };
  // With undici, which takes a twentieth of a second to load: a process whose key is elsewhere is spared it.
  const { FastRequests } = await import('./fast-requests.ts');
  // A client of the user's goes where the SDK would go, which knows no proxies of the environment.
  const transport = { useEnvironmentProxy: isOwn };
  return { requests: new FastRequests(keyArn, plan, limits, sdk, { transport }), reason: undefined };
}
