import { constants, randomBytes, verify } from 'node:crypto';
import { SignerError } from '../errors.ts';
import { inputOfMessage } from './certificate-verify.ts';
import { signatureSchemeByName, type SignatureScheme } from './signature-scheme.ts';
import type { Signer } from './signer.ts';

/**
 * Has a signer sign something, and checks the signature against its public key.
 *
 * @returns Milliseconds that the signature took.
 * @throws SignerError: the signer's, or `ERR_S2N_PKEY_SIGNATURE_INVALID`.
 */
export async function proveSigning(signer: Signer, scheme: SignatureScheme): Promise<number> {
  const facts = signatureSchemeByName(scheme);
  if (facts === undefined) throw new SignerError(`there is no way to check a signature of ${scheme} here`);
  const message = randomBytes(32);
  const input = inputOfMessage(facts, signer.publicKey, message);
  const begun = performance.now();
  const signature = await signer.sign({ scheme, input, inputKind: facts.inputKind });
  const took = performance.now() - begun;
  const padding =
    facts.algorithm === 'rsa-pss'
      ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
      : {};
  if (!verify(facts.hash ?? null, message, { key: signer.publicKey, ...padding }, signature)) {
    throw new SignerError(
      `the signature that the signer made with ${scheme} does not verify under its public key`,
      {
        code: 'ERR_S2N_PKEY_SIGNATURE_INVALID',
      },
    );
  }
  return took;
}
