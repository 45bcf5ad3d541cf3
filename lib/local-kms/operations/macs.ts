import { authorize } from '../request/authorization.ts';
import { KmsException } from '../store/errors.ts';
import { HmacKeyMaterial } from '../store/key-material.ts';
import { macAlgorithms } from '../store/key-spec.ts';
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

/** What `GenerateMac` and `VerifyMac` have in common. */
const messageShape = {
  Message: required(blob({ min: 1, max: 4096, sensitive: true })),
  KeyId: required(keyIdMember),
  MacAlgorithm: required(oneOf(macAlgorithms)),
  GrantTokens: grantTokensMember,
  DryRun: boolean,
};

type MessageInput = Input<typeof messageShape>;

/** Refuses what the key cannot do or may not do now. */
function prepare(
  input: MessageInput,
  kms: Kms,
  operationName: string,
): { arn: string; material: HmacKeyMaterial } {
  const { record, facts, material } = findKey(kms, input.KeyId, operationName, true);
  const arn = kms.arns.keyArn(record.keyId);
  refuseGrantTokens(input.GrantTokens);
  authorize(record, kms.arns, operationName, { 'kms:MacAlgorithm': input.MacAlgorithm });
  requireEnabled(record, arn);
  if (facts.kind !== 'hmac' || !(material instanceof HmacKeyMaterial)) {
    throw new KmsException(
      'InvalidKeyUsageException',
      `${arn} key usage is ${record.keyUsage} which is not valid for ${operationName}.`,
    );
  }
  if (!facts.macAlgorithms.includes(input.MacAlgorithm)) {
    throw new KmsException(
      'InvalidKeyUsageException',
      `Algorithm ${input.MacAlgorithm} is incompatible with key spec ${record.keySpec}.`,
    );
  }
  if (input.DryRun === true) throw dryRunException();
  return { arn, material };
}

export const generateMac = operation('GenerateMac', messageShape, (input, kms) => {
  const { arn, material } = prepare(input, kms, 'GenerateMac');
  return {
    KeyId: arn,
    Mac: material.mac(input.Message).toString('base64'),
    MacAlgorithm: input.MacAlgorithm,
  };
});

export const verifyMac = operation(
  'VerifyMac',
  { ...messageShape, Mac: required(blob({ min: 1, max: 6144 })) },
  (input, kms) => {
    const { arn, material } = prepare(input, kms, 'VerifyMac');
    if (!material.verify(input.Message, input.Mac)) throw new KmsException('KMSInvalidMacException');
    return { KeyId: arn, MacValid: true, MacAlgorithm: input.MacAlgorithm };
  },
);
