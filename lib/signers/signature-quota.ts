import { createHash, type KeyObject } from 'node:crypto';
import type { SignatureQuota, Signer } from './signer.ts';

/**
 * For a signer that names no quota: that of AWS KMS, 1,000 signatures a second for each kind of asymmetric key in an account and
 * Region (Service Quotas), over as many connections as this package opens to it.
 */
export const defaultQuota: SignatureQuota = { perSecond: 1000, inFlight: 256 };

/** The open signers that named a quota, by their key. They are not kept alive for it. */
const ofKeys = new Map<string, Set<WeakRef<Signer>>>();

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

/** Has the quota of a signer also count for signers that wrap it and copy no `quota`, until it is closed. */
export function rememberQuota(signer: Signer): void {
  const key = keyIdOf(signer.publicKey);
  const signers = ofKeys.get(key) ?? new Set();
  signers.add(new WeakRef(signer));
  ofKeys.set(key, signers);
}

/** The signer is closed. */
export function forgetQuota(signer: Signer): void {
  openSigners(keyIdOf(signer.publicKey), signer);
}

/** What limits a signer's signatures: its own `quota`, or the smallest of the same key's open signers, or that of KMS. */
export function quotaOf({ quota, publicKey }: Signer): SignatureQuota {
  if (quota !== undefined) return quota;
  const quotas = openSigners(keyIdOf(publicKey)).flatMap((signer) => signer.quota ?? []);
  return quotas.sort((one, other) => one.perSecond - other.perSecond)[0] ?? defaultQuota;
}

function openSigners(key: string, without?: Signer): Signer[] {
  const signers = ofKeys.get(key);
  const open: Signer[] = [];
  for (const reference of signers ?? []) {
    const signer = reference.deref();
    if (signer !== undefined && signer !== without) open.push(signer);
    else signers?.delete(reference);
  }
  if (signers?.size === 0) ofKeys.delete(key);
  return open;
}
