import { randomBytes } from 'node:crypto';
import type { Option } from '../options/option.ts';

/** Octets of a serial number at most, the sign included (RFC 5280 §4.1.2.2). */
const maximumOctets = 20;

/** Hexadecimal digits or a bigint, read as an even number of hexadecimal digits. */
export const serialNumberOption: Option<string | undefined> = {
  type: 'string | bigint',
  expected: `a positive number of at most ${maximumOctets} octets, as hexadecimal digits or a bigint`,
  isSecret: false,
  fits(value) {
    const number = numberOf(value);
    return number !== undefined && number > 0n && number < 1n << BigInt(maximumOctets * 8 - 1);
  },
  read(_name, value) {
    const hex = numberOf(value)?.toString(16) ?? '';
    return hex.length % 2 === 0 ? hex : `0${hex}`;
  },
};

function numberOf(value: unknown): bigint | undefined {
  if (typeof value === 'bigint') return value;
  return typeof value === 'string' && /^[0-9a-f]+$/i.test(value) ? BigInt(`0x${value}`) : undefined;
}

/** 16 octets with 126 random bits: the first two bits are 01, so that none is negative and all are of one length. */
export function randomSerialNumber(): string {
  const octets = randomBytes(16);
  octets.writeUInt8((octets.readUInt8(0) & 0x3f) | 0x40, 0);
  return octets.toString('hex');
}
