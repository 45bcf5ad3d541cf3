import type { KeyObject } from 'node:crypto';
import { inputOfMessage, roleOfContent } from '../certificate-verify.ts';
import type { SignatureSchemeFacts } from '../signature-scheme.ts';
import type { PrivateKeyOperation } from '../signer.ts';
import { S2nPkeyError } from '../../errors.ts';

/** What a client wants signed: what is hashed already, or the content of a CertificateVerify, which is hashed here. */
export type GivenToSign = { readonly input: Uint8Array } | { readonly content: Uint8Array };

/**
 * The operation for the signer. A content is hashed here, so that nothing but what was checked is signed.
 *
 * @throws S2nPkeyError `ERR_S2N_PKEY_SOCKET_SIGNER_NOT_A_HANDSHAKE` for a content that no CertificateVerify of TLS 1.3 has, and with
 * `handshakesOnly` for everything without a content.
 */
export function operationOf(
  given: GivenToSign,
  facts: SignatureSchemeFacts,
  publicKey: KeyObject,
  handshakesOnly: boolean,
): PrivateKeyOperation {
  const { name: scheme, inputKind } = facts;
  if ('input' in given) {
    if (!handshakesOnly) return { scheme, input: given.input, inputKind };
    throw notAHandshake(
      'only handshakes of TLS 1.3 are signed here (handshakesOnly), and this request is for a handshake of TLS 1.2, a certificate ' +
        "or something else, or comes from an earlier release. For servers, set minVersion: 'TLSv1.3'",
    );
  }
  const { content } = given;
  if (roleOfContent(content) === undefined) {
    throw notAHandshake('this is not the content of a CertificateVerify of TLS 1.3 (RFC 8446 section 4.4.3)');
  }
  if (facts.algorithm === 'rsa-pkcs1') {
    throw notAHandshake(`TLS 1.3 signs no handshake with ${scheme} (RFC 8446 section 4.2.3)`);
  }
  return { scheme, input: inputOfMessage(facts, publicKey, content), inputKind, content };
}

function notAHandshake(message: string): S2nPkeyError {
  return new S2nPkeyError('ERR_S2N_PKEY_SOCKET_SIGNER_NOT_A_HANDSHAKE', message);
}
