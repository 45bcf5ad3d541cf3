import { createPublicKey, type KeyObject } from 'node:crypto';
import type { KeyVaultKey } from '@azure/keyvault-keys';
import { usableKeys } from '../curves.ts';
import { kindOfKey, type KeyKind } from '../schemes-of-key.ts';
import { defaultQuota } from '../signature-quota.ts';
import type { SignatureQuota } from '../signer.ts';
import { AzureKeyVaultError } from './azure-error.ts';

/** A version of a key that is fit for TLS. */
export interface AzureKey {
  /** With its version. */
  readonly id: string;
  readonly publicKey: KeyObject;
  readonly kind: KeyKind;
  readonly quota: SignatureQuota;
}

/**
 * Checks that a key can sign for TLS.
 *
 * @throws AzureKeyVaultError `ERR_S2N_PKEY_AZURE_KEY_TYPE`, `_KEY_USAGE`, `_KEY_DISABLED`, `_UNUSABLE_ANSWER`.
 */
export function checkAzureKey(key: KeyVaultKey, asked: string): AzureKey {
  const id = key.id ?? '';
  const facts = { keyId: id === '' ? asked : id };
  const { enabled, expiresOn, notBefore } = key.properties;
  const now = Date.now();
  if (enabled === false || (expiresOn?.getTime() ?? now) < now || (notBefore?.getTime() ?? now) > now) {
    throw new AzureKeyVaultError(
      'KEY_DISABLED',
      `${facts.keyId} does not sign: it is disabled, has expired, or is not valid yet. Enable it, or open another version`,
      facts,
    );
  }
  if (key.keyOperations !== undefined && !key.keyOperations.includes('sign')) {
    throw new AzureKeyVaultError(
      'KEY_USAGE',
      `${facts.keyId} does not permit the operation sign: it permits ${key.keyOperations.join(', ') || 'none'}`,
      facts,
    );
  }
  const publicKey = readJwk(key.key, facts);
  const kind = publicKey === undefined ? undefined : kindOfKey(publicKey);
  if (publicKey === undefined || kind === undefined) {
    throw new AzureKeyVaultError(
      'KEY_TYPE',
      `${facts.keyId} (${key.keyType ?? 'of no type'}) cannot be used for TLS here: make ${usableKeys}`,
      facts,
    );
  }
  if (!/\/keys\/[^/]+\/[^/]+$/.test(id)) {
    throw new AzureKeyVaultError(
      'UNUSABLE_ANSWER',
      `the answer for ${asked} names no version of a key`,
      facts,
    );
  }
  return { id, publicKey, kind, quota: quotaOfVault(kind, jwkType(key).endsWith('-HSM')) };
}

/** Keys in an HSM have `-HSM` after their type. */
function jwkType(key: KeyVaultKey): string {
  return key.key?.kty ?? key.keyType ?? '';
}

/**
 * What Key Vault allows a vault in a Region, all its keys together ("Azure Key Vault service limits"): 4,000 in 10 seconds for EC
 * and RSA-2048 in software, half of it in an HSM, a quarter of that for RSA-3072 and an eighth for RSA-4096.
 */
function quotaOfVault({ name }: KeyKind, inHsm: boolean): SignatureQuota {
  const weight = name === 'RSA-4096' ? 8 : name === 'RSA-3072' ? 4 : 1;
  return { perSecond: (inHsm ? 200 : 400) / weight, inFlight: defaultQuota.inFlight };
}

function readJwk(jwk: KeyVaultKey['key'], facts: { keyId: string }): KeyObject | undefined {
  const kty = jwk?.kty?.replace(/-HSM$/, '');
  const text = (bytes: Uint8Array | undefined): string => Buffer.from(bytes ?? []).toString('base64url');
  try {
    if (kty === 'RSA') {
      return createPublicKey({ key: { kty, n: text(jwk?.n), e: text(jwk?.e) }, format: 'jwk' });
    }
    if (kty !== 'EC' || !/^P-(256|384|521)$/.test(jwk?.crv ?? '')) return undefined;
    return createPublicKey({
      key: { kty, crv: jwk?.crv ?? '', x: text(jwk?.x), y: text(jwk?.y) },
      format: 'jwk',
    });
  } catch (cause) {
    throw new AzureKeyVaultError('UNUSABLE_ANSWER', `the public key of ${facts.keyId} cannot be read`, {
      ...facts,
      cause,
    });
  }
}
