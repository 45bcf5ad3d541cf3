import { createPublicKey, type KeyObject } from 'node:crypto';
import type { KeySpec } from '@aws-sdk/client-kms';
import { Given, S2nPkeyError } from '../../../errors.ts';
import { addon } from '../../../native/addon.ts';
import type { NativeLocalKey } from '../../../native/binding.ts';
import { refusal } from '../../../options/option.ts';
import { checkCertificateMatchesSigner } from '../../certificate-match.ts';
import { usableKeys } from '../../curves.ts';
import { LocalKeySigner } from '../../local-key-signer.ts';
import { kindOfKey } from '../../schemes-of-key.ts';
import { keySpecOf } from '../keys/key-spec.ts';
import { importKeySchema, type ReadImportOptions } from './import-options.ts';

/** A private key that can be in KMS, in the addon's memory. */
export interface KeyToImport {
  readonly native: NativeLocalKey;
  readonly publicKey: KeyObject;
  readonly keySpec: KeySpec;
}

/**
 * Reads the key, and compares it with its certificate.
 *
 * @throws S2nPkeyError `ERR_S2N_PKEY_KEY_INVALID` for a key that KMS cannot hold; `ERR_S2N_PKEY_PASSPHRASE`; KeyMismatchError.
 */
export function readKeyToImport({ key, passphrase, cert }: ReadImportOptions): KeyToImport {
  const native = readKey(key, passphrase);
  const publicKey = createPublicKey({ key: Buffer.from(native.publicKey()), format: 'der', type: 'spki' });
  const kind = kindOfKey(publicKey);
  // KMS generates ML-DSA keys, and imports none.
  const keySpec = kind === undefined || kind.type === 'ml-dsa' ? undefined : keySpecOf(kind.name);
  if (keySpec === undefined) {
    const { asymmetricKeyType, asymmetricKeyDetails: { modulusLength } = {} } = publicKey;
    const size = modulusLength === undefined ? '' : ` of ${modulusLength} bits`;
    const given = new Given(
      `${kind?.name ?? `a key of type ${asymmetricKeyType}${size}`}, which AWS KMS cannot import`,
    );
    const cause = refusal('key', importKeySchema.key, given, `${usableKeys}; RSA of 2048, 3072 or 4096 bits`);
    throw new S2nPkeyError('ERR_S2N_PKEY_KEY_INVALID', cause.message, { cause });
  }
  if (cert !== undefined) {
    checkCertificateMatchesSigner(cert, { publicKey, schemes: [], sign: () => Promise.reject(new Error()) });
  }
  return { native, publicKey, keySpec };
}

/** Bytes go to the addon as they are, so that V8 has no copy, unless the text has to be repaired first. */
function readKey(key: string | Uint8Array, passphrase: string | undefined): NativeLocalKey {
  if (typeof key !== 'string') {
    try {
      return new (addon().LocalKey)(key, passphrase);
    } catch (error) {
      if (!(error instanceof Error && 'code' in error && error.code === 'ERR_S2N_PKEY_KEY_INVALID'))
        throw error;
    }
  }
  return new LocalKeySigner({ key, ...(passphrase === undefined ? {} : { passphrase }) }).nativeKey;
}
