import { constants, verify, type KeyObject } from 'node:crypto';
import { signatureSchemeByName, type SignatureScheme } from '../../lib/signers/signature-scheme.ts';

/** Whether OpenSSL, in node:crypto, takes `signature` as that of `message` under `scheme`: the peer's point of view. */
export function verifiesUnder(
  scheme: SignatureScheme,
  message: Uint8Array,
  publicKey: KeyObject,
  signature: Uint8Array,
): boolean {
  const facts = signatureSchemeByName(scheme);
  if (facts === undefined) throw new TypeError(`${scheme} is no scheme`);
  return facts.algorithm === 'rsa-pss'
    ? verify(
        facts.hash ?? null,
        message,
        {
          key: publicKey,
          padding: constants.RSA_PKCS1_PSS_PADDING,
          saltLength: constants.RSA_PSS_SALTLEN_DIGEST,
        },
        signature,
      )
    : verify(facts.hash ?? null, message, publicKey, signature);
}
