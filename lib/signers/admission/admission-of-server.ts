import type { Signer } from '../signer.ts';
import { SignatureAdmission } from './signature-admission.ts';
import type { SignatureLimits } from './signature-limits.ts';

/** What limits a server's signatures by this signer; undefined: nothing does. */
export type AdmissionOfSigner = (signer: Signer) => SignatureAdmission | undefined;

/**
 * Reads a server's option `signatureLimits`: limits for its signers together, an admission that it shares with others, or false.
 * Without it each signer with a quota is limited on its own, whatever servers use it.
 *
 * @throws InvalidOptionError
 */
export function readSignatureLimits(
  given: SignatureLimits | SignatureAdmission | false | undefined,
): AdmissionOfSigner {
  if (given === undefined) return (signer) => SignatureAdmission.of(signer);
  if (given === false) return () => undefined;
  const admission = given instanceof SignatureAdmission ? given : new SignatureAdmission(given);
  return () => admission;
}
