import { authorize } from '../request/authorization.ts';
import { KmsException, unsupportedOperationException, validationException } from '../store/errors.ts';
import type { ImportToken } from '../store/import-tokens.ts';
import { readImported, unwrap } from '../store/imported-material.ts';
import { withoutMaterial, type KeyRecord } from '../store/key-record.ts';
import type { StoredKey } from '../store/key-store.ts';
import { blob, oneOf, required, string, timestampMember } from '../request/request-shape.ts';
import {
  changeKey,
  findKey,
  keyIdMember,
  operation,
  refusePendingDeletion,
  timestamp,
  type Kms,
} from './operation.ts';

/** Importing key material (https://docs.aws.amazon.com/kms/latest/developerguide/importing-keys.html). */

const day = 24 * 60 * 60 * 1000;

/** How long imported material may be valid at most, where it expires. */
const longestValidity = 365 * day;

const wrappingAlgorithms = [
  'RSAES_PKCS1_V1_5',
  'RSAES_OAEP_SHA_1',
  'RSAES_OAEP_SHA_256',
  'RSA_AES_KEY_WRAP_SHA_1',
  'RSA_AES_KEY_WRAP_SHA_256',
  'SM2PKE',
] as const;

const wrappingKeySpecs = ['RSA_2048', 'RSA_3072', 'RSA_4096', 'SM2'] as const;

/** A key that takes imported material. */
function findExternalKey(kms: Kms, identifier: string, name: string): StoredKey {
  const key = findKey(kms, identifier, name, false);
  const arn = kms.arns.keyArn(key.record.keyId);
  authorize(key.record, kms.arns, name);
  if (key.record.isExternal !== true) {
    throw unsupportedOperationException(`${arn} origin is AWS_KMS which is not valid for this operation.`);
  }
  return key;
}

/** What a wrapping algorithm cannot carry ("Select a wrapping algorithm", AWS KMS Developer Guide). */
function checkWrapping({ keySpec }: KeyRecord, algorithm: string, wrappingKeySpec: string): void {
  const refuse = (why: string): never => {
    throw validationException(
      `Wrapping algorithm ${algorithm} with wrapping key spec ${wrappingKeySpec} is not valid for key spec ${keySpec}${why}.`,
    );
  };
  if (algorithm === 'SM2PKE' || wrappingKeySpec === 'SM2') refuse(' in this Region');
  if (algorithm === 'RSAES_PKCS1_V1_5') refuse(': it is not supported any more');
  if (algorithm.startsWith('RSA_AES_KEY_WRAP')) return;
  if (keySpec.startsWith('RSA_')) refuse(': use RSA_AES_KEY_WRAP_SHA_256');
  if (keySpec === 'ECC_NIST_P521' && wrappingKeySpec === 'RSA_2048') refuse(': the material is too long');
}

export const getParametersForImport = operation(
  'GetParametersForImport',
  {
    KeyId: required(keyIdMember),
    WrappingAlgorithm: required(oneOf(wrappingAlgorithms)),
    WrappingKeySpec: required(oneOf(wrappingKeySpecs)),
  },
  async (input, kms) => {
    const { record } = findExternalKey(kms, input.KeyId, 'GetParametersForImport');
    const arn = kms.arns.keyArn(record.keyId);
    refusePendingDeletion(record, arn);
    const { WrappingAlgorithm: wrappingAlgorithm, WrappingKeySpec: wrappingKeySpec } = input;
    checkWrapping(record, wrappingAlgorithm, wrappingKeySpec);
    if (wrappingKeySpec === 'SM2') return undefined; // refused above
    const { keyId } = record;
    const issued = await kms.importTokens.issue({ keyId, wrappingAlgorithm, wrappingKeySpec });
    return {
      KeyId: arn,
      ImportToken: issued.token.toString('base64'),
      PublicKey: issued.publicKey.toString('base64'),
      ParametersValidTo: timestamp(issued.validTo),
    };
  },
);

/** Throws for a token of another key, none of this service, and one that is too old. */
function readToken(token: Uint8Array, keyId: string, kms: Kms): ImportToken {
  const read = kms.importTokens.read(token);
  if (read?.keyId !== keyId) throw new KmsException('InvalidImportTokenException');
  if (read.validTo <= kms.now()) throw new KmsException('ExpiredImportTokenException');
  return read;
}

/** When the material is to be deleted; undefined: never. */
function readExpiration(model: string, validTo: number | undefined, now: number): number | undefined {
  if (model === 'KEY_MATERIAL_DOES_NOT_EXPIRE') {
    if (validTo === undefined) return undefined;
    throw validationException(
      'ValidTo cannot be set if the ExpirationModel is KEY_MATERIAL_DOES_NOT_EXPIRE.',
    );
  }
  if (validTo === undefined) {
    throw validationException('A validTo date must be set if the ExpirationModel is KEY_MATERIAL_EXPIRES.');
  }
  if (validTo <= now || validTo > now + longestValidity) {
    throw validationException('The validTo date must be in the future, and at most 365 days ahead.');
  }
  return validTo;
}

async function decrypt(encrypted: Uint8Array, token: ImportToken, kms: Kms): Promise<Buffer> {
  try {
    return unwrap(encrypted, await kms.importTokens.privateKey(token), token.wrappingAlgorithm);
  } catch {
    throw new KmsException('InvalidCiphertextException');
  }
}

export const importKeyMaterial = operation(
  'ImportKeyMaterial',
  {
    KeyId: required(keyIdMember),
    ImportToken: required(blob({ min: 1, max: 6144 })),
    EncryptedKeyMaterial: required(blob({ min: 1, max: 6144 })),
    ValidTo: timestampMember,
    ExpirationModel: oneOf(['KEY_MATERIAL_EXPIRES', 'KEY_MATERIAL_DOES_NOT_EXPIRE']),
    ImportType: oneOf(['NEW_KEY_MATERIAL', 'EXISTING_KEY_MATERIAL']),
    KeyMaterialDescription: string({ max: 256 }),
    KeyMaterialId: string({ min: 64, max: 64, pattern: '[a-f0-9]+' }),
  },
  async (input, kms) => {
    const { record, facts } = findExternalKey(kms, input.KeyId, 'ImportKeyMaterial');
    const arn = kms.arns.keyArn(record.keyId);
    refusePendingDeletion(record, arn);
    const token = readToken(input.ImportToken, record.keyId, kms);
    const { ExpirationModel: model = 'KEY_MATERIAL_EXPIRES' } = input;
    const validTo = readExpiration(model, input.ValidTo, kms.now());
    const material = await decrypt(input.EncryptedKeyMaterial, token, kms);
    const read = readImported(material, facts);
    material.fill(0);
    if (read === undefined) throw new KmsException('IncorrectKeyMaterialException');
    await changeKey(kms, record.keyId, (current) => {
      refusePendingDeletion(current, arn);
      if (current.imported !== undefined && current.imported.fingerprint !== read.fingerprint) {
        throw new KmsException('IncorrectKeyMaterialException');
      }
      return {
        ...current,
        keyState: current.keyState === 'Disabled' ? 'Disabled' : 'Enabled',
        material: read.stored,
        imported: { fingerprint: read.fingerprint, ...(validTo === undefined ? {} : { validTo }) },
      };
    });
    return { KeyId: arn, KeyMaterialId: read.fingerprint };
  },
);

export const deleteImportedKeyMaterial = operation(
  'DeleteImportedKeyMaterial',
  { KeyId: required(keyIdMember), KeyMaterialId: string({ min: 64, max: 64, pattern: '[a-f0-9]+' }) },
  async (input, kms) => {
    const { record } = findExternalKey(kms, input.KeyId, 'DeleteImportedKeyMaterial');
    const fingerprint = record.imported?.fingerprint;
    if (input.KeyMaterialId !== undefined && input.KeyMaterialId !== fingerprint) {
      throw new KmsException('NotFoundException', `Key material ${input.KeyMaterialId} is not found.`);
    }
    await changeKey(kms, record.keyId, (current) => withoutMaterial(current));
    return {
      KeyId: kms.arns.keyArn(record.keyId),
      ...(fingerprint === undefined ? {} : { KeyMaterialId: fingerprint }),
    };
  },
);
