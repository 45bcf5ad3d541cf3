import type { SignatureScheme } from './signature-scheme.ts';

/** An elliptic curve that a certificate's key may be on (FIPS 186-5), by each name that it goes by. */
export interface Curve {
  /** As in JSON Web Keys (RFC 7518 §6.2.1.1) and in messages. */
  readonly name: 'P-256' | 'P-384' | 'P-521';
  /** OpenSSL's name, Node's `namedCurve`. */
  readonly namedCurve: string;
  /** The DER of its object identifier (RFC 5480 §2.1.1.1), in hexadecimal. */
  readonly identifier: string;
  /** Bytes of a coordinate, of r, and of s. */
  readonly fieldLength: number;
  /** The hash as strong as the curve, which certificates and TLS 1.3 sign with. */
  readonly hash: 'sha256' | 'sha384' | 'sha512';
  /** Bytes of that hash. */
  readonly digestLength: number;
  /** The only scheme that TLS 1.3 has a key on this curve sign under (RFC 8446 §4.2.3). */
  readonly scheme: SignatureScheme;
}

const curves: readonly Curve[] = [
  {
    ...{ name: 'P-256', namedCurve: 'prime256v1', identifier: '06082a8648ce3d030107', fieldLength: 32 },
    ...{ hash: 'sha256', digestLength: 32, scheme: 'ecdsa_secp256r1_sha256' },
  },
  {
    ...{ name: 'P-384', namedCurve: 'secp384r1', identifier: '06052b81040022', fieldLength: 48 },
    ...{ hash: 'sha384', digestLength: 48, scheme: 'ecdsa_secp384r1_sha384' },
  },
  {
    ...{ name: 'P-521', namedCurve: 'secp521r1', identifier: '06052b81040023', fieldLength: 66 },
    ...{ hash: 'sha512', digestLength: 64, scheme: 'ecdsa_secp521r1_sha512' },
  },
];

/** What a message asks for where a key is of no kind that TLS uses here. */
export const usableKeys = 'an RSA key of 2048 to 4096 bits or an EC key on P-256, P-384 or P-521';

/** The same where ML-DSA is one, too. */
export const usableKeysWithMlDsa =
  'an RSA key of 2048 to 4096 bits, an EC key on P-256, P-384 or P-521, or an ML-DSA key';

/** The curve of this `namedCurve`; undefined for one that no certificate's key may be on. */
export function curveNamed(namedCurve: string | undefined): Curve | undefined {
  return curves.find((curve) => curve.namedCurve === namedCurve);
}

/** The curve with this identifier (DER). */
export function curveIdentified(identifier: Uint8Array): Curve | undefined {
  const hex = Buffer.from(identifier).toString('hex');
  return curves.find((curve) => curve.identifier === hex);
}

/** The curve of a key that `kindOfKey` calls `name`. */
export function curveOfKind(name: string): Curve {
  const found = curves.find((curve) => curve.name === name);
  if (found === undefined) throw new TypeError(`${name} is no curve of TLS here`);
  return found;
}
