import { flag, fraction, group, required } from '../options/kinds.ts';
import { readOption, readOptions, type Option, type Schema } from '../options/option.ts';
import type { SignatureQuota, Signer } from './signer.ts';

const quotaSchema = {
  perSecond: required<number>({
    ...{ type: 'number', expected: 'a number of signatures a second, more than 0', isSecret: false },
    fits: (value) => typeof value === 'number' && value > 0,
  }),
  inFlight: required(fraction({ least: 1, of: 'signatures' })),
  perProcess: flag(false),
} satisfies Schema;

/** The members of a quota that are known are checked: anybody may have written the signer, and may keep more there. */
export const quotaOption: Option<SignatureQuota | undefined> = {
  ...group(quotaSchema, 'an object such as { perSecond: 1000, inFlight: 256 }'),
  read(name, value) {
    readOptions(quotaSchema, value as object, `${name}.`);
    return value as SignatureQuota;
  },
};

/** The option `signer`, whose `quota` is checked too. */
export const signerOption: Option<Signer> = {
  type: 'Signer',
  expected: 'a Signer, such as await KmsSigner.open({ keyId }) or new LocalKeySigner({ key })',
  isRequired: true,
  isSecret: true,
  fits: isSigner,
  read(name, value) {
    const signer = value as Signer;
    readOption(`${name}.quota`, quotaOption, signer.quota);
    return signer;
  },
};

function isSigner(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  const { sign, publicKey, schemes } = value as Partial<Signer>;
  return typeof sign === 'function' && publicKey !== undefined && Array.isArray(schemes);
}
