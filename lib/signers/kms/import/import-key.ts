import type { KMSClient } from '@aws-sdk/client-kms';
import { SignerError } from '../../../errors.ts';
import { publicKeyFingerprint } from '../../certificate-match.ts';
import { signatureSchemeByName } from '../../signature-scheme.ts';
import { proveSigning } from '../../signing-proof.ts';
import { explained, KmsError } from '../client/kms-error.ts';
import { kmsSdk } from '../client/sdk.ts';
import { requestKey } from '../keys/key-creation.ts';
import { signInput } from '../keys/key-spec.ts';
import { describeKey, type KmsKey } from '../keys/key.ts';
import { openKey } from '../keys/opened-key.ts';
import { readImportOptions, type ImportKeyOptions, type ReadImportOptions } from './import-options.ts';
import { findTarget } from './import-target.ts';
import { readKeyToImport, type KeyToImport } from './key-to-import.ts';

export type { ImportKeyOptions, ImportStep } from './import-options.ts';

export interface ImportedKey {
  /** Undefined for a dry run that would create it. */
  readonly key: KmsKey | undefined;
  /** What was done, or, for a dry run, would be: `none` where KMS has the key already. */
  readonly action: 'create' | 'import' | 'none';
  readonly dryRun: boolean;
  readonly keySpec: string;
  /** SHA-256 of the public key (DER SubjectPublicKeyInfo), hexadecimal. */
  readonly fingerprint: string;
}

/** RSA_AES_KEY_WRAP takes any key; OAEP alone takes no RSA key. */
const wrapping = { WrappingAlgorithm: 'RSA_AES_KEY_WRAP_SHA_256', WrappingKeySpec: 'RSA_4096' } as const;

/**
 * Brings a private key that you have into AWS KMS, so that its certificate goes on being served. Checks the key against the
 * certificate, creates a key of origin EXTERNAL, encrypts the private key for KMS in locked memory, imports it, compares public keys,
 * and has KMS sign something. Nothing has to be undone after a failure: the same call goes on where it stopped.
 *
 * Needs `kms:CreateKey`, `kms:CreateAlias`, `kms:DescribeKey`, `kms:GetParametersForImport`, `kms:ImportKeyMaterial`,
 * `kms:GetPublicKey` and `kms:Sign`; for tags `kms:TagResource`.
 *
 * @throws InvalidOptionError; KeyMismatchError where the certificate is for another key; S2nPkeyError `ERR_S2N_PKEY_KEY_INVALID` for a
 *   key that KMS cannot hold; KmsError.
 */
export async function importKey(client: KMSClient, options: ImportKeyOptions): Promise<ImportedKey> {
  const read = readImportOptions(options);
  const toImport = readKeyToImport(read);
  const { dryRun, onStep } = read;
  const { keySpec } = toImport;
  const target = await findTarget(client, read, toImport);
  const { action } = target;
  const result = { action, dryRun, keySpec, fingerprint: publicKeyFingerprint(toImport.publicKey) };
  if (dryRun) return { ...result, key: target.key };
  if (action === 'create') onStep?.('create');
  const key = target.key ?? (await createExternalKey(client, read, toImport));
  try {
    if (action !== 'none') await importMaterial(client, key.arn, read, toImport);
    onStep?.('prove');
    await prove(client, key.arn, toImport);
  } catch (error) {
    throw await waiting(client, key.arn, error);
  }
  return { ...result, key: await describeKey(client, key.arn) };
}

function createExternalKey(
  client: KMSClient,
  { alias, description, tags, multiRegion }: ReadImportOptions,
  { keySpec }: KeyToImport,
): Promise<KmsKey> {
  const common = { description, tags, alias, multiRegion };
  return requestKey(client, { ...common, keySpec, keyUsage: 'SIGN_VERIFY', origin: 'EXTERNAL' });
}

async function importMaterial(
  client: KMSClient,
  arn: string,
  options: ReadImportOptions,
  toImport: KeyToImport,
): Promise<void> {
  try {
    await importOnce(client, arn, options, toImport);
  } catch (error) {
    // The process was stopped between the two requests, or the clock of KMS is another one.
    if (!(error instanceof KmsError) || error.code !== 'ERR_S2N_PKEY_KMS_IMPORT_TOKEN') throw error;
    options.onStep?.('token');
    await importOnce(client, arn, options, toImport);
  }
}

async function importOnce(
  client: KMSClient,
  arn: string,
  { validTo, onStep }: ReadImportOptions,
  { native }: KeyToImport,
): Promise<void> {
  onStep?.('wrap');
  const call = { operation: 'GetParametersForImport', key: arn };
  const answer = await explained(
    call,
    client.send(new (kmsSdk().GetParametersForImportCommand)({ KeyId: arn, ...wrapping })),
  );
  const { PublicKey: wrappingKey = new Uint8Array(), ImportToken } = answer;
  let EncryptedKeyMaterial: Uint8Array;
  try {
    EncryptedKeyMaterial = native.wrap(wrappingKey);
  } catch (cause) {
    const facts = { operation: call.operation, keyId: arn, requestId: answer.$metadata.requestId, cause };
    throw new KmsError(
      'ERR_S2N_PKEY_KMS_UNUSABLE_ANSWER',
      'the answer of KMS to GetParametersForImport has no key to encrypt with. Check what stands between this machine and KMS: the ' +
        'endpoint, a proxy.',
      facts,
    );
  }
  onStep?.('import');
  const expiration =
    validTo === undefined
      ? ({ ExpirationModel: 'KEY_MATERIAL_DOES_NOT_EXPIRE' } as const)
      : ({ ExpirationModel: 'KEY_MATERIAL_EXPIRES', ValidTo: validTo } as const);
  const input = { KeyId: arn, ImportToken, EncryptedKeyMaterial, ...expiration };
  await explained(
    { operation: 'ImportKeyMaterial', key: arn },
    client.send(new (kmsSdk().ImportKeyMaterialCommand)(input)),
  );
}

/** KMS has this key and no other, and signs with it. */
async function prove(client: KMSClient, arn: string, { publicKey }: KeyToImport): Promise<void> {
  const opened = await openKey(client, arn);
  if (!opened.publicKey.equals(publicKey)) {
    throw new KmsError(
      'ERR_S2N_PKEY_KMS_WRONG_KEY',
      `${arn} has another public key, SHA-256 ${publicKeyFingerprint(opened.publicKey)}, than the key that was imported. Check what ` +
        'stands between this machine and KMS: the endpoint, a proxy.',
      { operation: 'GetPublicKey', keyId: arn },
    );
  }
  const [scheme] = opened.schemes;
  if (scheme === undefined) throw new SignerError(`${arn} has no signature scheme of TLS`);
  await proveSigning(
    {
      publicKey,
      schemes: opened.schemes,
      async sign({ input, scheme: asked }) {
        const facts = signatureSchemeByName(asked);
        const signing = facts && signInput(opened.spec, facts, input);
        if (signing === undefined) throw new SignerError(`${arn} cannot sign under ${asked}`);
        const { Signature = new Uint8Array() } = await explained(
          { operation: 'Sign', key: arn },
          client.send(
            new (kmsSdk().SignCommand)({
              KeyId: arn,
              MessageType: 'DIGEST',
              Message: signing.message,
              SigningAlgorithm: signing.algorithm,
            }),
          ),
        );
        return Signature;
      },
    },
    scheme,
  );
}

/** The failure, and what it leaves. */
async function waiting(client: KMSClient, arn: string, error: unknown): Promise<unknown> {
  if (!(error instanceof KmsError)) return error;
  const state = await describeKey(client, arn).then(
    (key) => key.state,
    () => 'unknown',
  );
  const left =
    state === 'PendingImport'
      ? `${arn} waits for the key: import it again, and this goes on.`
      : `${arn} exists: import again to check it.`;
  return new KmsError(error.code, `${error.message} ${left}`, {
    operation: error.operation,
    keyId: error.keyId,
    kmsErrorName: error.kmsErrorName,
    requestId: error.requestId,
    cause: error.cause,
  });
}
