import { SignerError, type S2nPkeyErrorOptions } from '../../errors.ts';

/** The kinds of failure: `ERR_S2N_PKEY_GOOGLE_…`. */
export type GoogleFault =
  | 'ACCESS_DENIED'
  | 'CREDENTIALS'
  | 'NOT_FOUND'
  | 'KEY_ALGORITHM'
  | 'KEY_STATE'
  | 'THROTTLED'
  | 'UNAVAILABLE'
  | 'TIMEOUT'
  | 'WRONG_KEY'
  | 'UNUSABLE_ANSWER'
  | 'FAILED';

/** A request to Google Cloud KMS that failed. */
export class GoogleKmsError extends SignerError {
  /** The resource name of the key's version. */
  readonly keyVersion: string;
  /** gRPC's status, as in 7 for PERMISSION_DENIED; undefined when the failure has none. */
  readonly status: number | undefined;

  constructor(
    fault: GoogleFault,
    message: string,
    facts: S2nPkeyErrorOptions & { keyVersion: string; status?: number | undefined },
  ) {
    super(message, {
      code: `ERR_S2N_PKEY_GOOGLE_${fault}`,
      ...('cause' in facts ? { cause: facts.cause } : {}),
    });
    this.keyVersion = facts.keyVersion;
    this.status = facts.status;
  }
}

type Explanation = readonly [GoogleFault, string];

const state: Explanation = [
  'KEY_STATE',
  'See the state of the version: it must be ENABLED (gcloud kms keys versions describe).',
];

/** By gRPC's status (google.rpc.Code). */
const byStatus: Readonly<Record<number, Explanation>> = {
  3: state, // INVALID_ARGUMENT
  4: ['TIMEOUT', 'Check the network between this machine and Cloud KMS.'],
  5: ['NOT_FOUND', 'Check project, location, key ring, key and version.'],
  7: [
    'ACCESS_DENIED',
    'Give its identity the role roles/cloudkms.signerVerifier on the key (cloudkms.cryptoKeyVersions.viewPublicKey and useToSign).',
  ],
  8: ['THROTTLED', 'The project is over its quota of cryptographic requests: have it raised.'],
  9: state, // FAILED_PRECONDITION
  13: ['UNAVAILABLE', 'The fault is on the side of Cloud KMS and usually passes.'],
  14: [
    'UNAVAILABLE',
    'Check the network between this machine and Cloud KMS; the fault may be on its side, too.',
  ],
  16: [
    'CREDENTIALS',
    'Give credentials that are valid: GOOGLE_APPLICATION_CREDENTIALS, or the identity of the machine.',
  ],
};

/** The status of UNAVAILABLE, after which it is worth to ask again. */
export const unavailable = 14;

/** gRPC's status of a failure, where it has one. */
export function statusOf(cause: unknown): number | undefined {
  const code: unknown = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  return typeof code === 'number' ? code : undefined;
}

/** The error to throw for whatever the client of `@google-cloud/kms` rejected with. */
export function explainGoogleFailure(cause: unknown, operation: string, keyVersion: string): GoogleKmsError {
  if (cause instanceof GoogleKmsError) return cause;
  const status = statusOf(cause);
  const words = cause instanceof Error ? cause.message : String(cause);
  const credentials = status === undefined && /credential|authenticat|token/i.test(words);
  const [fault, advice] = (credentials ? byStatus[16] : byStatus[status ?? -1]) ?? [
    'FAILED',
    'The cause has the details.',
  ];
  return new GoogleKmsError(
    fault,
    `${operation} with ${keyVersion} did not succeed: ${words.replace(/\.$/, '')}. ${advice}`,
    { keyVersion, status, cause },
  );
}
