import { isOptionsObject, readOption, type Option } from '../../options/option.ts';
import { LocalKeySigner } from '../local-key-signer.ts';
import { quotaOf } from '../signature-quota.ts';
import type { Signer } from '../signer.ts';
import { SignatureAdmission } from './signature-admission.ts';
import {
  checkSignatureLimits,
  signatureLimits,
  signatureLimitsSchema,
  type SignatureLimits,
} from './signature-limits.ts';

/** What limits a server's signatures by this signer; undefined: nothing does. */
export type AdmissionOfSigner = (signer: Signer) => SignatureAdmission | undefined;

export const signatureLimitsOption: Option<SignatureLimits | SignatureAdmission | false | undefined> = {
  type: 'object | SignatureAdmission | false',
  expected: signatureLimits.expected,
  isSecret: false,
  members: signatureLimitsSchema,
  fits: (value) => value === false || isOptionsObject(value),
};

/**
 * Reads a server's option `signatureLimits`: limits for its signers together, an admission that it shares with others, or false.
 * Without it each key is limited on its own, whatever servers use it. What the limits leave open comes from the signer's quota, so
 * that signers with different quotas are then limited apart.
 *
 * @throws InvalidOptionError
 */
export function readSignatureLimits(limits: unknown): AdmissionOfSigner {
  const given = readOption('signatureLimits', signatureLimitsOption, limits);
  if (given === undefined) return (signer) => SignatureAdmission.of(signer);
  if (given === false) return () => undefined;
  if (given instanceof SignatureAdmission) return (signer) => given.covers(signer);
  checkSignatureLimits(given);
  const admissions = new Map<string, SignatureAdmission>();
  return (signer) => {
    if (signer instanceof LocalKeySigner) return undefined;
    const { perSecond, inFlight } = checkSignatureLimits(given, quotaOf(signer));
    const key = `${perSecond} ${inFlight}`;
    let admission = admissions.get(key);
    if (!admission)
      admissions.set(key, (admission = new SignatureAdmission({ ...given, perSecond, inFlight, share: 1 })));
    return admission.covers(signer);
  };
}
