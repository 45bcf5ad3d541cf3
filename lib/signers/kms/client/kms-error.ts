import { SignerError } from '../../../errors.ts';
import { causesOf, textProperty } from './error-chain.ts';

/** What was asked of KMS when it failed. */
export interface KmsCall {
  /** The action, as in `Sign`: also the permission, `kms:Sign`. */
  readonly operation: string;
  /** The key, alias or ARN asked for, where there is one. */
  readonly key?: string | undefined;
}

/**
 * A request to KMS that failed. `code` says in which way (`ERR_S2N_PKEY_KMS_…`, listed at `explainKmsFailure`), the message says
 * what to do, and `cause` is the AWS SDK's error.
 */
export class KmsError extends SignerError {
  /** The action that failed, as in `Sign`. */
  readonly operation: string;
  /** The key, alias or ARN that was asked for; undefined where the action has none. */
  readonly keyId: string | undefined;
  /** KMS's own name of the error, such as `AccessDeniedException`; undefined when KMS did not answer. */
  readonly kmsErrorName: string | undefined;
  /** What AWS support asks for; undefined when KMS did not answer. */
  readonly requestId: string | undefined;

  constructor(
    code: string,
    message: string,
    facts: {
      operation: string;
      keyId?: string | undefined;
      kmsErrorName?: string | undefined;
      requestId?: string | undefined;
      cause?: unknown;
    },
  ) {
    super(message, 'cause' in facts ? { code, cause: facts.cause } : { code });
    this.operation = facts.operation;
    this.keyId = facts.keyId;
    this.kmsErrorName = facts.kmsErrorName;
    this.requestId = facts.requestId;
  }
}

/** The kinds of failure: the ends of their codes, `ERR_S2N_PKEY_KMS_…`. */
type KmsFault =
  | 'ACCESS_DENIED'
  | 'CREDENTIALS'
  | 'FAILED'
  | 'IMPORT_TOKEN'
  | 'KEY_DISABLED'
  | 'KEY_MATERIAL'
  | 'KEY_ORIGIN'
  | 'KEY_PENDING_DELETION'
  | 'KEY_STATE'
  | 'KEY_USAGE'
  | 'LIMIT_EXCEEDED'
  | 'NOT_FOUND'
  | 'PENDING_IMPORT'
  | 'REGION'
  | 'THROTTLED'
  | 'TIMEOUT'
  | 'UNAVAILABLE'
  | 'UNREACHABLE'
  | 'UNUSABLE_ANSWER';

/** A kind of failure, and what to do about it. */
interface Explanation {
  readonly code: KmsFault;
  readonly advice: (call: KmsCall) => string;
}

const aKey = ({ key }: KmsCall): string => key ?? 'the key';

const credentials: Explanation = {
  code: 'CREDENTIALS',
  advice: () =>
    'Give credentials that are valid for this account and Region: a role on the machine, AWS_PROFILE, AWS_ACCESS_KEY_ID and ' +
    'AWS_SECRET_ACCESS_KEY, or the option `credentials`. `aws sts get-caller-identity` shows what is found; the clock must be right.',
};

const expired: Explanation = {
  code: 'CREDENTIALS',
  advice: () =>
    'The credentials have expired: renew them (for single sign-on, `aws sso login`), and try again.',
};

const throttled: Explanation = {
  code: 'THROTTLED',
  advice: ({ operation }) =>
    `More ${operation} requests are made in this account and Region than its quota allows: have the quota raised ` +
    '(Service Quotas, AWS KMS), and let clients resume sessions, which needs no signature.',
};

const unavailable: Explanation = {
  code: 'UNAVAILABLE',
  advice: () =>
    'The fault is on the side of KMS and usually passes: try again, and see the AWS Health Dashboard if it stays.',
};

const usage: Explanation = {
  code: 'KEY_USAGE',
  advice: (call) =>
    `${aKey(call)} cannot sign: make an asymmetric key with --key-usage SIGN_VERIFY and, for instance, --key-spec ECC_NIST_P384.`,
};

const importToken: Explanation = {
  code: 'IMPORT_TOKEN',
  advice: () =>
    'An import token is valid for 24 hours, for one key. Import again: a new one is requested each time.',
};

const material: Explanation = {
  code: 'KEY_MATERIAL',
  advice: (call) =>
    `${aKey(call)} takes only a key of its KeySpec, and after the first import only the same key again. For another key, create another ` +
    'one in KMS (another alias).',
};

const origin: Explanation = {
  code: 'KEY_ORIGIN',
  advice: (call) =>
    `KMS generated ${aKey(call)} itself, and imports nothing into it: the origin of a key never changes. Import under another alias.`,
};

const pendingImport: Explanation = {
  code: 'PENDING_IMPORT',
  advice: () =>
    'The key has no key material: it was not imported yet, has expired, or was deleted. Import the same key again ' +
    '(`npx s2n-pkey keys import`).',
};

/** By the name of the error: KMS's errors of these actions and its "Common errors" (AWS KMS API Reference), and the SDK's. */
const byName: Readonly<Record<string, Explanation>> = {
  AccessDeniedException: {
    code: 'ACCESS_DENIED',
    advice: (call) =>
      `Allow kms:${call.operation} on ${aKey(call)} in the caller's IAM policy or in the key's policy; a policy that names an ` +
      'alias does not count as one that names its key.',
  },
  ThrottlingException: throttled,
  LimitExceededException: {
    code: 'LIMIT_EXCEEDED',
    advice: () =>
      'A quota of the account is used up: remove what is no longer needed, or have it raised (Service Quotas, AWS KMS).',
  },
  DisabledException: {
    code: 'KEY_DISABLED',
    advice: (call) =>
      `Enable the key, if it is still to be used: \`aws kms enable-key --key-id ${aKey(call)}\`.`,
  },
  NotFoundException: {
    code: 'NOT_FOUND',
    advice: ({ key }) =>
      'Check the key id, the account and the Region' +
      (key === undefined || key.includes('/') || key.includes(':')
        ? ''
        : `; an alias is written 'alias/${key}'`) +
      '. `aws kms list-aliases` shows what there is.',
  },
  InvalidArnException: {
    code: 'NOT_FOUND',
    advice: () =>
      'Check the ARN: arn:aws:kms:REGION:ACCOUNT:key/ID or arn:aws:kms:REGION:ACCOUNT:alias/NAME.',
  },
  InvalidKeyUsageException: usage,
  UnsupportedOperationException: usage,
  ExpiredImportTokenException: importToken,
  InvalidImportTokenException: importToken,
  IncorrectKeyMaterialException: material,
  InvalidCiphertextException: material,
  KeyUnavailableException: unavailable,
  DependencyTimeoutException: unavailable,
  KMSInternalException: unavailable,
  InternalFailure: unavailable,
  ServiceUnavailable: unavailable,
  ServiceUnavailableException: unavailable,
  CredentialsProviderError: credentials,
  TokenProviderError: credentials,
  UnrecognizedClientException: credentials,
  InvalidClientTokenId: credentials,
  InvalidSignatureException: credentials,
  SignatureDoesNotMatch: credentials,
  IncompleteSignature: credentials,
  IncompleteSignatureException: credentials,
  MissingAuthenticationToken: credentials,
  MissingAuthenticationTokenException: credentials,
  NotAuthorized: credentials,
  OptInRequired: credentials,
  ExpiredTokenException: expired,
  ExpiredToken: expired,
  RequestExpired: expired,
};

const pendingDeletion: Explanation = {
  code: 'KEY_PENDING_DELETION',
  advice: (call) =>
    'To keep the key: ' +
    `\`aws kms cancel-key-deletion --key-id ${aKey(call)}\`, then \`aws kms enable-key\` likewise; else open another key.`,
};

const otherState: Explanation = {
  code: 'KEY_STATE',
  advice: (call) => `See the key's state: \`aws kms describe-key --key-id ${aKey(call)}\`.`,
};

const region: Explanation = {
  code: 'REGION',
  advice: () =>
    "Say where the key is: the option `region`, AWS_REGION, a profile with a region, or the key's ARN as `keyId`.",
};

const timeout: Explanation = {
  code: 'TIMEOUT',
  advice: () =>
    'Check the network between this machine and KMS (a VPC endpoint for kms keeps it short), and the endpoint.',
};

const unreachable: Explanation = {
  code: 'UNREACHABLE',
  advice: () =>
    'Check the network, name resolution and proxies between this machine and KMS, the Region, and the endpoint if one is set ' +
    '(AWS_ENDPOINT_URL_KMS, or the option `endpoint`).',
};

const unusable: Explanation = {
  code: 'UNUSABLE_ANSWER',
  advice: () => 'Check what stands between this machine and KMS: the endpoint, a proxy.',
};

const other: Explanation = { code: 'FAILED', advice: () => 'The cause has the details.' };

/** Node's and OpenSSL's codes of connections that could not be made, or broke. */
const networkCode =
  /^(ECONN|EPIPE|ENOTFOUND|EAI_|EHOST|ENET|EADDRNOTAVAIL|EPROTO|ERR_TLS|ERR_SSL|CERT_|UNABLE_TO_|DEPTH_ZERO|SELF_SIGNED|UND_ERR|ENOENT)/;

/** No connection, or no answer, in time. */
const timeoutCode = /^(ETIMEDOUT|UND_ERR_(CONNECT|HEADERS|BODY)_TIMEOUT)$/;

/**
 * The error to throw for whatever a request to KMS was rejected with:
 * `ERR_S2N_PKEY_KMS_ACCESS_DENIED`, `_THROTTLED`, `_LIMIT_EXCEEDED`, `_KEY_DISABLED`, `_KEY_PENDING_DELETION`, `_KEY_STATE`, `_KEY_USAGE`,
 * `_PENDING_IMPORT`, `_IMPORT_TOKEN`, `_KEY_MATERIAL`, `_KEY_ORIGIN`, `_NOT_FOUND`, `_CREDENTIALS`, `_REGION`, `_UNAVAILABLE` (KMS's own fault), `_UNREACHABLE`, `_TIMEOUT`, `_UNUSABLE_ANSWER`, and `_FAILED` for the rest.
 */
export function explainKmsFailure(cause: unknown, call: KmsCall): KmsError {
  if (cause instanceof KmsError) return cause;
  const { code, advice } = explanationOf(cause, call.operation);
  const { name, text, requestId } = describe(cause);
  const answered = requestId !== undefined;
  const target = call.key === undefined ? call.operation : `${call.operation} with ${call.key}`;
  const outcome = answered ? `KMS refused ${target}` : `${target} did not succeed`;
  const request = answered ? ` (request ${requestId})` : '';
  return new KmsError(`ERR_S2N_PKEY_KMS_${code}`, `${outcome}: ${text}${request}. ${advice(call)}`, {
    operation: call.operation,
    keyId: call.key,
    kmsErrorName: answered ? name : undefined,
    requestId,
    cause,
  });
}

/** `explainKmsFailure` for a request under way. */
export async function explained<T>(call: KmsCall, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (cause) {
    throw explainKmsFailure(cause, call);
  }
}

function explanationOf(cause: unknown, operation: string): Explanation {
  for (const error of causesOf(cause)) {
    if (error.name === 'UnsupportedOperationException' && operation.includes('Import')) return origin;
    if (error.name === 'KMSInvalidStateException') {
      if (/pending import/i.test(error.message)) return pendingImport;
      return /pending (replica )?deletion/i.test(error.message) ? pendingDeletion : otherState;
    }
    if (Object.hasOwn(byName, error.name)) return byName[error.name] ?? other;
    // The SDK's for an answer that is not JSON, and this package's.
    if (error.name === 'SyntaxError' || error.name === 'UnparseableResponseError') return unusable;
    if (error.message.includes('Region is missing')) return region;
    // The SDK calls a reset connection a TimeoutError too: the system's code is the better witness.
    const code = textProperty(error, 'code');
    if (code !== undefined && !timeoutCode.test(code) && networkCode.test(code)) return unreachable;
    if (error.name === 'TimeoutError' || timeoutCode.test(code ?? '')) return timeout;
    const status = statusOf(error);
    if (status === 429) return throttled;
    if (status !== undefined && status >= 500) return unavailable;
  }
  return other;
}

function metadataOf(error: unknown): object {
  const metadata: unknown =
    typeof error === 'object' && error !== null && '$metadata' in error ? error.$metadata : {};
  return typeof metadata === 'object' && metadata !== null ? metadata : {};
}

function statusOf(error: Error): number | undefined {
  const metadata = metadataOf(error);
  return 'httpStatusCode' in metadata && typeof metadata.httpStatusCode === 'number'
    ? metadata.httpStatusCode
    : undefined;
}

/** The first words there are among an error and its causes: an AggregateError (both address families refused) has none. */
function describe(cause: unknown): { name: string; text: string; requestId: string | undefined } {
  const [first] = causesOf(cause);
  const requestId = textProperty(metadataOf(cause), 'requestId');
  if (first === undefined) return { name: 'Error', text: `it rejected with ${String(cause)}`, requestId };
  const spoken = causesOf(cause).find(({ message }) => message !== '' && message !== 'UnknownError');
  const words = (spoken?.message ?? '').replace(/\.$/, '');
  const text = first.name === 'Error' ? words : words === '' ? first.name : `${first.name}: ${words}`;
  return { name: first.name, text, requestId };
}
