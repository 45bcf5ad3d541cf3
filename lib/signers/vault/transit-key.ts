import { createPublicKey, type KeyObject, type X509Certificate } from 'node:crypto';
import { readChain } from '../../pem/certificates.ts';
import { publicKeyFingerprint } from '../certificate-match.ts';
import { kindOfKey, type KeyKind } from '../schemes-of-key.ts';
import { unusable } from './vault-client.ts';
import { VaultError } from './vault-error.ts';

/** One version of a key of the Transit engine. */
export interface TransitKey {
  readonly version: number;
  readonly publicKey: KeyObject;
  readonly kind: KeyKind;
}

/** How the version is chosen: by its number, by the certificate that it is for, or the latest. */
export interface VersionChoice {
  readonly keyVersion: number | undefined;
  readonly certificate: X509Certificate | undefined;
}

/**
 * The version that is to sign, of what `GET transit/keys/NAME` answers.
 *
 * @throws VaultError `ERR_S2N_PKEY_VAULT_KEY_TYPE`, `_KEY_VERSION`, `_UNUSABLE_ANSWER`.
 */
export function chooseVersion(
  data: Readonly<Record<string, unknown>>,
  name: string,
  { keyVersion, certificate }: VersionChoice,
): TransitKey {
  const { keys, latest_version: latest, type } = data;
  const operation = `keys/${name}`;
  const versions = versionsOf(keys);
  if (versions.size === 0) {
    throw new VaultError(
      'KEY_TYPE',
      `${name} is a key of type ${String(type)}, which has no public key: make one of type ecdsa-p256, ecdsa-p384, ecdsa-p521, rsa-2048, ` +
        'rsa-3072 or rsa-4096',
      { operation },
    );
  }
  if (certificate !== undefined) {
    for (const [version, pem] of versions) {
      const publicKey = readPublicKey(pem, operation);
      if (publicKey.equals(certificate.publicKey)) return checked(version, publicKey, name);
    }
    throw new VaultError(
      'KEY_VERSION',
      `the certificate is for none of the versions ${[...versions.keys()].join(', ')} of ${name}: its public key is SHA-256 ` +
        publicKeyFingerprint(certificate.publicKey),
      { operation },
    );
  }
  const version = keyVersion ?? latest;
  const pem = typeof version === 'number' ? versions.get(version) : undefined;
  if (typeof version !== 'number' || pem === undefined) {
    throw new VaultError(
      'KEY_VERSION',
      `${name} has no version ${String(version)}; it has ${[...versions.keys()].join(', ')}`,
      { operation },
    );
  }
  return checked(version, readPublicKey(pem, operation), name);
}

function versionsOf(keys: unknown): Map<number, string> {
  const versions = new Map<number, string>();
  if (typeof keys !== 'object' || keys === null) return versions;
  for (const [version, facts] of Object.entries(keys as Record<string, unknown>)) {
    const pem: unknown = (facts as { public_key?: unknown } | null)?.public_key;
    if (typeof pem === 'string' && pem.includes('PUBLIC KEY')) versions.set(Number(version), pem);
  }
  return versions;
}

function readPublicKey(pem: string, operation: string): KeyObject {
  try {
    return createPublicKey(pem);
  } catch {
    throw unusable(operation, 'its public key cannot be read');
  }
}

function checked(version: number, publicKey: KeyObject, name: string): TransitKey {
  const kind = kindOfKey(publicKey);
  if (kind !== undefined && kind.type !== 'ml-dsa') return { version, publicKey, kind };
  throw new VaultError(
    'KEY_TYPE',
    `${name} is a key that TLS does not use here: make one of type ecdsa-p256, ecdsa-p384, ecdsa-p521, rsa-2048, rsa-3072 or rsa-4096`,
  );
}

/** @throws InvalidOptionError `certificate`. */
export function readCertificate(pem: unknown): X509Certificate | undefined {
  return pem === undefined ? undefined : readChain('certificate', 'a PEM certificate', pem).certificates[0];
}
