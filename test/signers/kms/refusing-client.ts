import { KMSClient, KMSServiceException } from '@aws-sdk/client-kms';
import type { LocalKms } from '../../../lib/local-kms/start.ts';

/**
 * A client that may not do one operation, as a policy has it (the local KMS knows no policies): `when` says for which requests.
 * With `before`, something else happens first, and the request goes on.
 */
export function refusingClient(
  kms: LocalKms,
  operation: string,
  when: (input: Readonly<Record<string, unknown>>) => boolean = () => true,
): KMSClient {
  return clientWith(kms, operation, (input) => {
    if (!when(input)) return;
    throw new KMSServiceException({
      name: 'AccessDeniedException',
      message: `User: arn:aws:iam::000000000000:user/test is not authorized to perform: kms:${operation}`,
      $fault: 'client',
      $metadata: { httpStatusCode: 400, requestId: '00000000-0000-0000-0000-000000000000', attempts: 1 },
    });
  });
}

/** A client for which something happens before each request of an operation. */
export function clientWith(
  kms: LocalKms,
  operation: string,
  before: (input: Readonly<Record<string, unknown>>) => unknown,
): KMSClient {
  const client = new KMSClient(kms.clientOptions);
  client.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        if (commandName === `${operation}Command`) await before({ ...args.input });
        return next(args);
      },
    { step: 'initialize' },
  );
  return client;
}
