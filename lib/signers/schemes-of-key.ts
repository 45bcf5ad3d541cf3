import { createPublicKey, type KeyObject } from 'node:crypto';
import { curveNamed } from './curves.ts';
import { mlDsaLevelIn, mlDsaNamed } from './ml-dsa.ts';
import { signatureSchemes, type SignatureScheme, type SignatureSchemeFacts } from './signature-scheme.ts';

/** A kind of key that s2n-tls takes in a certificate and this package can have sign. */
export interface KeyKind {
  /** A configuration has one certificate of each type for a name. */
  readonly type: 'ec' | 'rsa' | 'ml-dsa';
  /** As in `P-384`, `RSA-3072`, `ML-DSA-65`. */
  readonly name: string;
  /**
   * EC: the hash as strong as the curve, which certificates and TLS 1.3 sign with (RFC 8446 §4.2.3). RSA: SHA-256, what
   * public certificate authorities use for all sizes in question. ML-DSA hashes by itself.
   */
  readonly hash?: 'sha256' | 'sha384' | 'sha512';
}

/**
 * The kind of a key, public or private; undefined when it is not RSA of 2048 to 4096 bits, EC on P-256, P-384 or P-521, or
 * ML-DSA.
 */
export function kindOfKey(key: KeyObject): KeyKind | undefined {
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {};
  if (key.asymmetricKeyType === 'ec') {
    const curve = curveNamed(namedCurve);
    return curve && { type: 'ec', name: curve.name, hash: curve.hash };
  }
  if (key.asymmetricKeyType === 'rsa' && modulusLength !== undefined) {
    if (modulusLength < 2048 || modulusLength > 4096) return undefined;
    return { type: 'rsa', name: `RSA-${modulusLength}`, hash: 'sha256' };
  }
  const level = mayBeMlDsa(key) ? mlDsaLevelIn(spkiOf(key)) : undefined;
  return level && { type: 'ml-dsa', name: level.name };
}

/** Node 22 reads ML-DSA keys, and has no name for them. */
function mayBeMlDsa({ type, asymmetricKeyType }: KeyObject): boolean {
  if (type === 'secret') return false;
  return asymmetricKeyType === undefined || (asymmetricKeyType as string).startsWith('ml-dsa-');
}

function spkiOf(key: KeyObject): Uint8Array {
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  return publicKey.export({ format: 'der', type: 'spki' });
}

/**
 * The schemes a key of this kind can be asked for: all three ECDSA schemes for every EC key, since under TLS 1.2 they name
 * the hash only (RFC 5246 §7.4.1.4.1); RSA-PSS and PKCS#1 with each hash for RSA; for ML-DSA the one of its level.
 */
export function schemesOfKey(kind: KeyKind): readonly SignatureScheme[] {
  const level = mlDsaNamed(kind.name);
  if (level !== undefined) return [level.scheme];
  const fits = ({ algorithm }: SignatureSchemeFacts): boolean =>
    kind.type === 'ec' ? algorithm === 'ecdsa' : algorithm === 'rsa-pss' || algorithm === 'rsa-pkcs1';
  return signatureSchemes.filter(fits).map(({ name }) => name);
}
