import { createPublicKey, type KeyObject } from 'node:crypto';
import { curveIdentified, usableKeys } from '../curves.ts';
import type { PublicAttributes } from './messages.ts';
import { Pkcs11Error } from './pkcs11-error.ts';

/**
 * The public half of a key in a token.
 *
 * @throws Pkcs11Error `ERR_S2N_PKEY_PKCS11_KEY` when the token does not tell, or the key is of a kind that TLS does not use here.
 */
export function publicKeyOf(attributes: PublicAttributes): KeyObject {
  if (attributes.type === 'rsa') {
    const { modulus, exponent } = attributes;
    return createPublicKey({
      key: { kty: 'RSA', n: base64url(trimmed(modulus)), e: base64url(trimmed(exponent)) },
      format: 'jwk',
    });
  }
  const curve = attributes.type === 'ec' ? curveIdentified(attributes.params) : undefined;
  if (attributes.type !== 'ec' || curve === undefined) {
    throw new Pkcs11Error('KEY', `the key must be ${usableKeys}`);
  }
  const { name: crv, fieldLength: field } = curve;
  const point = attributes.point === undefined ? undefined : uncompressed(attributes.point, field);
  if (point === undefined) {
    throw new Pkcs11Error(
      'KEY',
      'the token has no public key object beside the private key: give publicKey, the PEM of the public key or of its certificate',
    );
  }
  return createPublicKey({
    key: {
      kty: 'EC',
      crv,
      x: base64url(point.subarray(1, 1 + field)),
      y: base64url(point.subarray(1 + field)),
    },
    format: 'jwk',
  });
}

/** CKA_EC_POINT is the DER OCTET STRING of the point (PKCS#11 v3.1 §6.3.3); some devices give the point itself. */
function uncompressed(value: Uint8Array, field: number): Uint8Array | undefined {
  const point = value.subarray(value.length - (1 + 2 * field));
  const before = value.length - point.length;
  return point.length === 1 + 2 * field && point[0] === 4 && (before === 0 || value[0] === 4)
    ? point
    : undefined;
}

function trimmed(number: Uint8Array): Uint8Array {
  const first = number.findIndex((byte) => byte !== 0);
  return number.subarray(Math.max(first, 0));
}

function base64url(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64url');
}
