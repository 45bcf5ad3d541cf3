import { SignerError } from '../errors.ts';

/**
 * DER `Ecdsa-Sig-Value` (RFC 3279 §2.2.3), as TLS sends it, of a signature whose r and s lie side by side (IEEE P1363), as PKCS#11 and
 * Azure Key Vault answer.
 *
 * @param fieldLength Bytes of r, and of s: 32 for P-256, 48 for P-384, 66 for P-521.
 * @throws SignerError `ERR_S2N_PKEY_SIGNATURE_INVALID` when the signature has another length, or r or s is 0.
 */
export function derOfRawEcdsa(raw: Uint8Array, fieldLength: number): Uint8Array {
  if (!(raw instanceof Uint8Array) || raw.length !== 2 * fieldLength) {
    const given = raw instanceof Uint8Array ? `${raw.length} bytes` : typeof raw;
    throw invalid(`expected ${2 * fieldLength} bytes, r and s side by side; given ${given}`);
  }
  const body = Buffer.concat([
    derInteger(raw.subarray(0, fieldLength)),
    derInteger(raw.subarray(fieldLength)),
  ]);
  // 139 bytes with P-521: a length of more than 127 takes a byte before it.
  const header = body.length < 128 ? [0x30, body.length] : [0x30, 0x81, body.length];
  return Buffer.concat([Uint8Array.from(header), body]);
}

/** The fewest bytes that have the number's value and a first bit of 0 (X.690 §8.3). */
function derInteger(bytes: Uint8Array): Uint8Array {
  const first = bytes.findIndex((byte) => byte !== 0);
  if (first < 0) throw invalid('r or s is 0');
  const digits = bytes.subarray(first);
  const sign = (digits[0] ?? 0) >= 0x80 ? [0] : [];
  return Uint8Array.from([0x02, sign.length + digits.length, ...sign, ...digits]);
}

function invalid(what: string): SignerError {
  return new SignerError(`this is not a raw ECDSA signature: ${what}`, {
    code: 'ERR_S2N_PKEY_SIGNATURE_INVALID',
  });
}
