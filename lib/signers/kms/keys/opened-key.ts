import { KeyObject } from 'node:crypto';
import type { KMSClient } from '@aws-sdk/client-kms';
import { S2nPkeyError } from '../../../errors.ts';
import { readPublicKey as readKey } from '../../public-key.ts';
import { kindOfKey, schemesOfKey } from '../../schemes-of-key.ts';
import type { SignatureScheme } from '../../signature-scheme.ts';
import { explained, KmsError } from '../client/kms-error.ts';
import { regionOfArn } from '../client/key-id.ts';
import { tlsKeySpec, tlsKeySpecNames, type TlsKeySpec } from './key-spec.ts';
import { kmsSdk } from '../client/sdk.ts';

/** What `GetPublicKey` tells of a key that is fit for TLS. */
export interface OpenedKey {
  readonly arn: string;
  readonly spec: TlsKeySpec;
  readonly publicKey: KeyObject;
  readonly schemes: readonly SignatureScheme[];
}

/**
 * Asks KMS for a public key by whatever names it, and checks that the key can sign for TLS.
 *
 * @throws KmsError; S2nPkeyError `ERR_S2N_PKEY_ML_DSA_UNREADABLE`
 */
export async function openKey(client: KMSClient, keyId: string): Promise<OpenedKey> {
  const call = { operation: 'GetPublicKey', key: keyId };
  const answer = await explained(call, client.send(new (kmsSdk().GetPublicKeyCommand)({ KeyId: keyId })));
  const { KeyId: arn, PublicKey: spki, KeySpec: specName, KeyUsage: keyUsage } = answer;
  const facts = { operation: 'GetPublicKey', keyId, requestId: answer.$metadata.requestId };
  if (arn === undefined || spki === undefined) {
    throw unusableAnswer(`it has no key ARN or no public key for ${keyId}`, facts);
  }
  if (regionOfArn(arn) === undefined) {
    throw emulated(`its KeyId is '${arn}', where AWS KMS answers with the key's ARN`, facts);
  }
  if (specName === undefined || keyUsage === undefined) {
    throw emulated(
      `it has no ${specName === undefined ? 'KeySpec' : 'KeyUsage'} for ${arn}, which AWS KMS always gives`,
      facts,
    );
  }
  const name = keyId === arn ? arn : `${keyId} (${arn})`;
  if (keyUsage !== 'SIGN_VERIFY') {
    throw new KmsError(
      'ERR_S2N_PKEY_KMS_KEY_USAGE',
      `${name} is a key for ${keyUsage}: TLS needs one with KeyUsage SIGN_VERIFY, which is chosen when a key is made and never ` +
        'changes. Make another, and a certificate for it.',
      facts,
    );
  }
  const spec = tlsKeySpec(specName);
  if (spec === undefined) {
    throw new KmsError(
      'ERR_S2N_PKEY_KMS_KEY_SPEC',
      `${name} has KeySpec ${specName}, which cannot be used here: make a key of one of ${tlsKeySpecNames.join(', ')}, and a ` +
        'certificate for it.',
      facts,
    );
  }
  const publicKey = readPublicKey(spki);
  const kind = publicKey instanceof KeyObject ? kindOfKey(publicKey) : undefined;
  if (!(publicKey instanceof KeyObject) || kind?.name !== spec.keyName) {
    const cause = publicKey instanceof KeyObject ? {} : { cause: publicKey };
    throw unusableAnswer(`the public key of ${arn} is not of its KeySpec ${specName}`, {
      ...facts,
      ...cause,
    });
  }
  return { arn, spec, publicKey, schemes: schemesOfKey(kind) };
}

/** The key, or why it cannot be read. */
function readPublicKey(spki: Uint8Array): unknown {
  try {
    return readKey(spki);
  } catch (error) {
    if (error instanceof S2nPkeyError) throw error;
    return error;
  }
}

/** Something answers that means to be KMS, and is not. */
function emulated(what: string, facts: ConstructorParameters<typeof KmsError>[2]): KmsError {
  return new KmsError(
    'ERR_S2N_PKEY_KMS_UNUSABLE_ANSWER',
    `the answer to GetPublicKey is not one of AWS KMS: ${what}. The endpoint is an emulator that answers otherwise, or one of an old ` +
      'version: update it, or use the local KMS of this package (npx s2n-pkey local-kms).',
    facts,
  );
}

function unusableAnswer(what: string, facts: ConstructorParameters<typeof KmsError>[2]): KmsError {
  return new KmsError(
    'ERR_S2N_PKEY_KMS_UNUSABLE_ANSWER',
    `the answer of KMS to GetPublicKey cannot be used: ${what}. Check what stands between this machine and KMS: the endpoint, a ` +
      'proxy.',
    facts,
  );
}
