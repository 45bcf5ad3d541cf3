import { abortSignal } from '../options/kinds.ts';
import { readOptionsObject, refusal, type SchemaOf } from '../options/option.ts';
import { signerOption } from '../signers/signer-option.ts';
import type { Signer } from '../signers/signer.ts';
import { certifiedSchema, completeCertified, type CertifiedOptions } from './certified.ts';
import { extensionsOf, nameOf } from './extensions.ts';
import { pemBlock } from '../pem/pem-blocks.ts';
import { SignerCrypto } from './signer-crypto.ts';
import { checkSigningKey } from './signing-key.ts';
import { x509Library } from './x509-library.ts';

/** As for a certificate; the subject may be left out where there are alternative names, which is all that public authorities read. */
export interface CertificateRequestOptions extends CertifiedOptions {
  /** Has the key that the certificate is to be for, and signs the request. */
  readonly signer: Signer;
  /** Gives up waiting for the signer. */
  readonly signal?: AbortSignal;
}

export const certificateRequestSchema = {
  signer: signerOption,
  signal: abortSignal,
  ...certifiedSchema,
} satisfies SchemaOf<CertificateRequestOptions>;

/**
 * A certificate signing request (PKCS #10, RFC 2986) for the key of a signer, as PEM, to be sent to a certificate authority. Names
 * and usages are in its extensionRequest attribute (RFC 2985 §5.4.2); an authority may take or leave them.
 *
 * @throws InvalidOptionError naming the option; SignerError when the signer fails, or answers with a signature that its public key
 *   does not verify.
 */
export async function createCertificateRequest(options: CertificateRequestOptions): Promise<string> {
  const read = readOptionsObject(
    certificateRequestSchema,
    options,
    "an object such as { signer, subject: 'CN=site.example' }",
  );
  const key = checkSigningKey(read.signer);
  const certified = completeCertified(read);
  if (certified.subject.length === 0 && certified.altNames.length === 0) {
    const expected = "a name such as 'CN=site.example', or altNames";
    throw refusal('subject', certificateRequestSchema.subject, options.subject, expected);
  }
  const x509 = await x509Library();
  const crypto = new SignerCrypto(x509, key, read.signal);
  const request = await x509.Pkcs10CertificateRequestGenerator.create(
    {
      name: nameOf(x509, certified.subject),
      keys: crypto.keys,
      signingAlgorithm: key.algorithm,
      extensions: extensionsOf(x509, certified),
    },
    crypto,
  );
  return pemBlock('CERTIFICATE REQUEST', new Uint8Array(request.rawData));
}
