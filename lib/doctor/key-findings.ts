import type { KMSClient, SigningAlgorithmSpec } from '@aws-sdk/client-kms';
import { describeKey, type KmsKey } from '../signers/kms/keys/key.ts';
import { tlsKeySpec, signInput } from '../signers/kms/keys/key-spec.ts';
import { explainKmsFailure, KmsError } from '../signers/kms/client/kms-error.ts';
import { openKey, type OpenedKey } from '../signers/kms/keys/opened-key.ts';
import { signatureSchemeByName, type SignatureScheme } from '../signers/signature-scheme.ts';
import { fault, faultOf, warning, type Finding } from './finding.ts';
import { kmsSdk } from '../signers/kms/client/sdk.ts';

/** The state of a key in KMS. */
export interface ExaminedKey {
  /** Undefined if `kms:DescribeKey` is denied or fails. */
  readonly described: KmsKey | undefined;
  /** Undefined if the key cannot be opened. */
  readonly opened: OpenedKey | undefined;
  readonly findings: readonly Finding[];
}

/** Requests the key that `keyId` refers to, its state and its public key from KMS. */
export async function examineKey(client: KMSClient, keyId: string): Promise<ExaminedKey> {
  const findings: Finding[] = [];
  let described: KmsKey | undefined;
  try {
    described = await describeKey(client, keyId);
    findings.push(...stateFindings(described));
  } catch (error) {
    if (!(error instanceof KmsError)) throw error;
    if (error.code === 'ERR_S2N_PKEY_KMS_ACCESS_DENIED') {
      findings.push(
        warning(
          'DESCRIBE_KEY_DENIED',
          `kms:DescribeKey is not allowed, so the key's state is not known before it signs: ${error.message}`,
          'Allow kms:DescribeKey where preflight runs; a server needs it for nothing else.',
        ),
      );
    } else {
      return { described, opened: undefined, findings: [faultOf(error, adviceFor(error))] };
    }
  }
  try {
    return { described, opened: await openKey(client, keyId), findings };
  } catch (error) {
    if (!(error instanceof KmsError)) throw error;
    // GetPublicKey fails for the same state. One finding is enough.
    const found = faultOf(error, adviceFor(error));
    if (!findings.some(({ code }) => code === found.code)) findings.push(found);
    return { described, opened: undefined, findings };
  }
}

function stateFindings({ arn, state, keyUsage, keySpec, deletionDate }: KmsKey): Finding[] {
  const findings: Finding[] = [];
  if (state === 'Disabled') {
    findings.push(
      fault('KMS_KEY_DISABLED', `${arn} is disabled`, `Enable it: aws kms enable-key --key-id ${arn}`),
    );
  } else if (state.startsWith('Pending') && state.endsWith('Deletion')) {
    const date = deletionDate === undefined ? '' : ` on ${deletionDate.toISOString()}`;
    findings.push(
      fault(
        'KMS_KEY_PENDING_DELETION',
        `${arn} is pending deletion, and will be gone for good${date}`,
        `To keep it: aws kms cancel-key-deletion --key-id ${arn}, then aws kms enable-key --key-id ${arn}`,
      ),
    );
  } else if (state !== 'Enabled') {
    findings.push(
      fault('KMS_KEY_STATE', `${arn} is in the state ${state}`, `See aws kms describe-key --key-id ${arn}`),
    );
  }
  if (keyUsage !== 'SIGN_VERIFY') {
    findings.push(
      fault(
        'KMS_KEY_USAGE',
        `${arn} is a key for ${keyUsage}: TLS needs one for SIGN_VERIFY`,
        'Make another key (createKey), and a certificate for it: the usage of a key never changes.',
      ),
    );
  } else if (tlsKeySpec(keySpec) === undefined) {
    findings.push(
      fault(
        'KMS_KEY_SPEC',
        `${arn} has the key spec ${keySpec}, which this package cannot use`,
        'Make a key of RSA_2048, RSA_3072, RSA_4096, ECC_NIST_P256, ECC_NIST_P384 or ECC_NIST_P521.',
      ),
    );
  }
  return findings;
}

/** The algorithms of KMS for these schemes. */
export function signingAlgorithms(
  key: OpenedKey,
  schemes: readonly SignatureScheme[],
): SigningAlgorithmSpec[] {
  const algorithms = schemes.map((scheme) => algorithmOf(key, scheme));
  return [...new Set(algorithms)].filter((algorithm) => algorithm !== undefined);
}

function algorithmOf(key: OpenedKey, scheme: SignatureScheme): SigningAlgorithmSpec | undefined {
  const facts = signatureSchemeByName(scheme);
  return facts && signInput(key.spec, facts, Buffer.alloc(facts.inputLength))?.algorithm;
}

/**
 * Asks KMS with `DryRun` whether it would sign, for each algorithm that handshakes may need, because policies can allow only some.
 * Nothing is signed, and nothing is charged.
 */
export async function permissionFindings(
  client: KMSClient,
  key: OpenedKey,
  schemes: readonly SignatureScheme[],
): Promise<Finding[]> {
  const refused = new Map<string, { found: Finding; algorithms: string[] }>();
  for (const algorithm of signingAlgorithms(key, schemes)) {
    const error = await refusal(client, key.arn, algorithm);
    if (error === undefined) continue;
    const found = faultOf(error, adviceFor(error));
    const known = refused.get(found.code);
    if (known === undefined) refused.set(found.code, { found, algorithms: [algorithm] });
    else known.algorithms.push(algorithm);
  }
  return [...refused.values()].map(({ found, algorithms }) => ({
    ...found,
    message: `kms:Sign with ${algorithms.join(', ')} is refused: ${found.message}`,
  }));
}

async function refusal(
  client: KMSClient,
  arn: string,
  algorithm: SigningAlgorithmSpec,
): Promise<KmsError | undefined> {
  const length = Number(/(\d+)$/.exec(algorithm)?.[1] ?? 256) / 8;
  const command = new (kmsSdk().SignCommand)({
    KeyId: arn,
    Message: Buffer.alloc(length),
    MessageType: 'DIGEST',
    SigningAlgorithm: algorithm,
    DryRun: true,
  });
  try {
    await client.send(command);
    return undefined; // A KMS that does not know DryRun has signed, which is as good an answer.
  } catch (cause) {
    if (cause instanceof Error && cause.name === 'DryRunOperationException') return undefined;
    return explainKmsFailure(cause, { operation: 'Sign', key: arn });
  }
}

/** A KmsError's message already ends with what to do. */
function adviceFor(error: KmsError): string {
  if (error.code === 'ERR_S2N_PKEY_KMS_ACCESS_DENIED') {
    return `Allow kms:${error.operation} for the credentials this machine has: \`npx s2n-pkey doctor\` prints the policy.`;
  }
  if (error.code === 'ERR_S2N_PKEY_KMS_NOT_FOUND') {
    return 'Check the key id or alias, the Region and the account: `aws kms list-aliases` shows what is there.';
  }
  return 'The message says what to do.';
}
