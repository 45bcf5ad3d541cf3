import { createHash, type KeyObject } from 'node:crypto';
import { InvalidOptionError } from '../errors.ts';
import type { SignatureQuota, Signer } from './signer.ts';

/**
 * For a signer that names no quota: that of AWS KMS, 1,000 signatures a second for each kind of asymmetric key in an account and
 * Region (Service Quotas), over as many connections as this package opens to it.
 */
export const defaultQuota: SignatureQuota = { perSecond: 1000, inFlight: 256 };

/** The quota of each key whose signer named one when it was opened. */
const ofKeys = new Map<string, SignatureQuota>();

const ids = new WeakMap<KeyObject, string>();

/** A short text that is the same for the same public key, whichever object holds it. */
export function keyIdOf(publicKey: KeyObject): string {
  let id = ids.get(publicKey);
  if (id === undefined) {
    const spki = publicKey.export({ format: 'der', type: 'spki' });
    id = createHash('sha256').update(spki).digest('base64url');
    ids.set(publicKey, id);
  }
  return id;
}

/** Remembers the quota of a key, so that it also counts for signers that wrap its signer and copy no `quota`. */
export function rememberQuota(publicKey: KeyObject, quota: SignatureQuota): void {
  ofKeys.set(keyIdOf(publicKey), quota);
}

/** What limits a signer's signatures: its own `quota`, or that of the same key's signer, or that of KMS. */
export function quotaOf({ quota, publicKey }: Signer): SignatureQuota {
  return quota ?? ofKeys.get(keyIdOf(publicKey)) ?? defaultQuota;
}

/**
 * Checks the `quota` of a signer, which may be anybody's.
 *
 * @throws InvalidOptionError naming `option` and the member, as in `signer.quota.perSecond`.
 */
export function checkQuota(option: string, quota: unknown): void {
  if (quota === undefined) return;
  if (typeof quota !== 'object' || quota === null) {
    throw new InvalidOptionError(option, 'an object such as { perSecond: 1000, inFlight: 256 }', quota);
  }
  const { perSecond, inFlight } = quota as Partial<Record<string, unknown>>;
  if (typeof perSecond !== 'number' || !(perSecond > 0)) {
    throw new InvalidOptionError(
      `${option}.perSecond`,
      'a number of signatures a second, more than 0',
      perSecond,
    );
  }
  if (typeof inFlight !== 'number' || !(inFlight >= 1)) {
    throw new InvalidOptionError(`${option}.inFlight`, 'a number of signatures, 1 or more', inFlight);
  }
}
