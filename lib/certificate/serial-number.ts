import { randomBytes } from 'node:crypto';
import { InvalidOptionError } from '../errors.ts';

/** Octets of a serial number at most, the sign included (RFC 5280 §4.1.2.2). */
const maximumOctets = 20;

/**
 * A serial number in hexadecimal: positive, and random unless given. Random ones are 16 octets with 126 random bits: the first
 * two bits are 01, so that none is negative and all are of one length.
 *
 * @param given Hexadecimal digits, or a bigint.
 * @throws InvalidOptionError
 */
export function checkSerialNumber(given?: unknown): string {
  if (given === undefined) {
    const octets = randomBytes(16);
    octets.writeUInt8((octets.readUInt8(0) & 0x3f) | 0x40, 0);
    return octets.toString('hex');
  }
  const digits = typeof given === 'string' && /^[0-9a-f]+$/i.test(given) ? BigInt(`0x${given}`) : given;
  if (typeof digits !== 'bigint' || digits <= 0n || digits >= 1n << BigInt(maximumOctets * 8 - 1)) {
    throw new InvalidOptionError(
      'serialNumber',
      `a positive number of at most ${maximumOctets} octets, as hexadecimal digits or a bigint`,
      given,
    );
  }
  const hex = digits.toString(16);
  return hex.length % 2 === 0 ? hex : `0${hex}`;
}
