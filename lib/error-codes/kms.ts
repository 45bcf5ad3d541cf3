import type { CodeTable } from './row.ts';

/** Failures of AWS KMS: `KmsError`, with `operation`, `keyId`, `kmsErrorName` and `requestId`. */
export const kmsCodes = {
  ERR_S2N_PKEY_KMS_ACCESS_DENIED: [
    'KmsError',
    'The credentials may not use the key. The message names the permission.',
    'Allow the permission on the ARN of the key. A policy that names an alias does not count.',
  ],
  ERR_S2N_PKEY_KMS_CREDENTIALS: [
    'KmsError',
    'There are no credentials, or they are invalid or expired, or the clock is wrong.',
    'Run `aws sts get-caller-identity` as the same user.',
  ],
  ERR_S2N_PKEY_KMS_REGION: [
    'KmsError',
    'No Region is configured.',
    'Set `region` or `AWS_REGION`, or give `keyId` as an ARN.',
  ],
  ERR_S2N_PKEY_KMS_NOT_FOUND: [
    'KmsError',
    'The account and Region have no such key or alias.',
    'Check account, Region and name. An alias begins with `alias/`.',
  ],
  ERR_S2N_PKEY_KMS_KEY_DISABLED: [
    'KmsError',
    'The key is disabled.',
    '`aws kms enable-key`, if it is still to be used.',
  ],
  ERR_S2N_PKEY_KMS_KEY_PENDING_DELETION: [
    'KmsError',
    'The key is scheduled for deletion.',
    '`aws kms cancel-key-deletion`, then `aws kms enable-key`; or use another key.',
  ],
  ERR_S2N_PKEY_KMS_KEY_STATE: [
    'KmsError',
    'The key is in another state that does not allow signing.',
    '`aws kms describe-key` shows the state.',
  ],
  ERR_S2N_PKEY_KMS_PENDING_IMPORT: [
    'KmsError',
    'The key has no key material: it is not imported yet, has expired, or was deleted.',
    'Import the same key again: `npx s2n-pkey keys import`.',
  ],
  ERR_S2N_PKEY_KMS_IMPORT_TOKEN: [
    'KmsError',
    'KMS does not accept the import token, which is valid for 24 hours and one key.',
    'Import again: a new token is requested each time.',
  ],
  ERR_S2N_PKEY_KMS_KEY_MATERIAL: [
    'KmsError',
    'KMS has another key there than the one to be imported, or refuses it.',
    'Use another alias. A key in KMS only takes the key that was imported first.',
  ],
  ERR_S2N_PKEY_KMS_KEY_ORIGIN: [
    'KmsError',
    'KMS generated the key itself, so nothing can be imported into it.',
    'Import under another alias: the origin of a key never changes.',
  ],
  ERR_S2N_PKEY_KMS_KEY_SPEC: [
    'KmsError',
    'The key has a spec that TLS cannot use, or not the one you asked for.',
    'Create an RSA or NIST curve key, and a certificate for it.',
  ],
  ERR_S2N_PKEY_KMS_KEY_USAGE: [
    'KmsError',
    'The key is not for SIGN_VERIFY.',
    'Create another key: the usage of a key never changes.',
  ],
  ERR_S2N_PKEY_KMS_ALIAS_TAKEN: [
    'KmsError',
    'The alias belongs to another key.',
    'Choose another alias, or delete this one.',
  ],
  ERR_S2N_PKEY_KMS_WRONG_KEY: [
    'KmsError',
    'Another key than requested made the signature. It was not used.',
    'Check what is between this machine and KMS.',
  ],
  ERR_S2N_PKEY_KMS_THROTTLED: [
    'KmsError',
    'The account exceeds its request quota in this Region.',
    'Have the quota raised (Service Quotas, AWS KMS), and keep session tickets on.',
  ],
  ERR_S2N_PKEY_KMS_LIMIT_EXCEEDED: [
    'KmsError',
    'Another quota of the account is used up, such as the number of keys.',
    'Delete what you no longer need, or have the quota raised.',
  ],
  ERR_S2N_PKEY_KMS_UNAVAILABLE: [
    'KmsError',
    'KMS reports a fault of its own.',
    'It usually passes. See the AWS Health Dashboard.',
  ],
  ERR_S2N_PKEY_KMS_UNREACHABLE: [
    'KmsError',
    'KMS cannot be reached, or the connection broke.',
    'Check network, DNS, proxy, Region and endpoint. A VPC endpoint for KMS avoids the internet.',
  ],
  ERR_S2N_PKEY_KMS_TIMEOUT: [
    'KmsError',
    'There was no signature within `signatureTimeout`.',
    'Check the network to KMS. `npx s2n-pkey doctor` measures its latency.',
  ],
  ERR_S2N_PKEY_KMS_UNUSABLE_ANSWER: [
    'KmsError',
    'The response does not come from KMS, or cannot be read.',
    'Check the endpoint, and the proxy between this machine and KMS.',
  ],
  ERR_S2N_PKEY_KMS_THREAD: [
    'KmsError',
    "The worker thread that sends requests to KMS (`thread: 'worker'`) ended. Another one is started.",
    'Read `cause`. If it repeats, check the memory of the process.',
  ],
  ERR_S2N_PKEY_KMS_FAILED: ['KmsError', 'KMS refused for another reason.', 'Read `cause`.'],
} as const satisfies CodeTable;
