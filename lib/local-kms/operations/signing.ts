import { authorize } from '../request/authorization.ts';
import { KmsException, validationException } from '../store/errors.ts';
import type { SignatureSchemeFacts } from '../../signers/signature-scheme.ts';
import { AsymmetricKeyMaterial, digestOf } from '../store/key-material.ts';
import { allSigningAlgorithms, schemeOfSigningAlgorithm } from '../store/key-spec.ts';
import type { StoredKey } from '../store/key-store.ts';
import { blob, boolean, oneOf, required, type Input } from '../request/request-shape.ts';
import {
  dryRunException,
  findKey,
  grantTokensMember,
  keyIdMember,
  operation,
  refuseGrantTokens,
  requireEnabled,
  type Kms,
} from './operation.ts';

/** What `Sign` and `Verify` have in common. */
const messageShape = {
  KeyId: required(keyIdMember),
  Message: required(blob({ min: 1, max: 4096, sensitive: true })),
  MessageType: oneOf(['RAW', 'DIGEST', 'EXTERNAL_MU']),
  GrantTokens: grantTokensMember,
  SigningAlgorithm: required(oneOf(allSigningAlgorithms)),
  DryRun: boolean,
};

type MessageInput = Input<typeof messageShape>;

interface Prepared {
  readonly arn: string;
  readonly material: AsymmetricKeyMaterial;
  readonly scheme: SignatureSchemeFacts;
  readonly digest: Buffer;
}

/** The digest, or the µ of ML-DSA, that a request means. Throws `ValidationException` where it cannot be one of this algorithm. */
function inputOfMessage(
  input: MessageInput,
  scheme: SignatureSchemeFacts,
  material: AsymmetricKeyMaterial,
): Buffer {
  const { MessageType: type = 'RAW', Message: message, SigningAlgorithm: algorithm } = input;
  if (type === (scheme.hash === undefined ? 'DIGEST' : 'EXTERNAL_MU')) {
    throw validationException(`MessageType ${type} is not supported by algorithm ${algorithm}.`);
  }
  if (scheme.hash === undefined) {
    if (type === 'RAW') return material.messageRepresentative(message);
    if (message.length === scheme.inputLength) return message;
    throw validationException(`External mu is invalid length for algorithm ${algorithm}.`);
  }
  if (type === 'RAW') return digestOf(scheme.hash, message);
  if (message.length !== scheme.inputLength) {
    throw validationException(`Digest is invalid length for algorithm ${algorithm}.`);
  }
  return message;
}

/** Refuses what the key cannot do or may not do now. */
function prepare(input: MessageInput, kms: Kms, operationName: 'Sign' | 'Verify'): Prepared {
  const { record, facts, material }: StoredKey = findKey(kms, input.KeyId, operationName, true);
  const arn = kms.arns.keyArn(record.keyId);
  refuseGrantTokens(input.GrantTokens);
  authorize(record, kms.arns, operationName, {
    'kms:SigningAlgorithm': input.SigningAlgorithm,
    'kms:MessageType': input.MessageType ?? 'RAW',
  });
  requireEnabled(record, arn);
  if (
    record.keyUsage !== 'SIGN_VERIFY' ||
    facts.kind === 'hmac' ||
    !(material instanceof AsymmetricKeyMaterial)
  ) {
    throw new KmsException(
      'InvalidKeyUsageException',
      `${arn} key usage is ${record.keyUsage} which is not valid for ${operationName}.`,
    );
  }
  const { SigningAlgorithm: algorithm } = input;
  const scheme = schemeOfSigningAlgorithm(facts, algorithm);
  if (scheme === undefined || !facts.signingAlgorithms.includes(algorithm)) {
    throw new KmsException(
      'InvalidKeyUsageException',
      `Algorithm ${algorithm} is incompatible with key spec ${record.keySpec}.`,
    );
  }
  const digest = inputOfMessage(input, scheme, material);
  if (input.DryRun === true) throw dryRunException();
  return { arn, material, scheme, digest };
}

export const sign = operation('Sign', messageShape, (input, kms) => {
  const { arn, material, scheme, digest } = prepare(input, kms, 'Sign');
  const signature = material.sign(scheme, digest);
  return {
    KeyId: arn,
    Signature: Buffer.from(signature.buffer, signature.byteOffset, signature.byteLength).toString('base64'),
    SigningAlgorithm: input.SigningAlgorithm,
  };
});

export const verify = operation(
  'Verify',
  { ...messageShape, Signature: required(blob({ min: 1, max: 6144 })) },
  (input, kms) => {
    const { arn, material, scheme, digest } = prepare(input, kms, 'Verify');
    if (!material.verify(scheme, digest, input.Signature))
      throw new KmsException('KMSInvalidSignatureException');
    return { KeyId: arn, SignatureValid: true, SigningAlgorithm: input.SigningAlgorithm };
  },
);
