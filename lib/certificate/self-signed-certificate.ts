import { abortSignal, required } from '../options/kinds.ts';
import { readOptionsObject, type SchemaOf } from '../options/option.ts';
import { signerOption } from '../signers/signer-option.ts';
import type { Signer } from '../signers/signer.ts';
import { randomSerialNumber, serialNumberOption } from './serial-number.ts';
import { extensionsOf, keyIdentifiers, nameOf } from './extensions.ts';
import { pemBlock } from '../pem/pem-blocks.ts';
import { SignerCrypto } from './signer-crypto.ts';
import { checkSigningKey } from './signing-key.ts';
import { x509Library } from './x509-library.ts';
import { certifiedSchema, completeCertified, type CertifiedOptions } from './certified.ts';
import { readValidity, validitySchema, type ValidityOptions } from './validity.ts';
import type { DistinguishedName } from './distinguished-name.ts';

export interface SelfSignedCertificateOptions extends CertifiedOptions, ValidityOptions {
  /** Has the key that the certificate is for, and signs it. */
  readonly signer: Signer;
  readonly subject: DistinguishedName;
  /** Hexadecimal digits or a bigint, at most 20 octets (RFC 5280 §4.1.2.2); random unless given. */
  readonly serialNumber?: string | bigint;
  /** Gives up waiting for the signer. */
  readonly signal?: AbortSignal;
}

export const selfSignedSchema = {
  signer: signerOption,
  signal: abortSignal,
  ...certifiedSchema,
  subject: required(certifiedSchema.subject), // which is the issuer, too
  ...validitySchema,
  serialNumber: serialNumberOption,
} satisfies SchemaOf<SelfSignedCertificateOptions>;

/**
 * A self-signed X.509 certificate (RFC 5280) for the key of a signer, as PEM. The key stays where it is: the signer is asked once,
 * for ecdsa-with-SHA256, -SHA384 or -SHA512 as strong as its curve, or for sha256WithRSAEncryption.
 *
 * A client trusts it by having it as a trust anchor (`ca` of node:tls, `curl --cacert`). For one that everybody trusts, see
 * `createCertificateRequest`.
 *
 * @throws InvalidOptionError naming the option; SignerError when the signer fails, or answers with a signature that its public key
 *   does not verify.
 */
export async function createSelfSignedCertificate(options: SelfSignedCertificateOptions): Promise<string> {
  const read = readOptionsObject(
    selfSignedSchema,
    options,
    "an object such as { signer, subject: 'CN=site.example' }",
  );
  const key = checkSigningKey(read.signer);
  const certified = completeCertified(read);
  const { notBefore, notAfter } = readValidity(options);
  const { serialNumber = randomSerialNumber() } = read;
  const x509 = await x509Library();
  const name = nameOf(x509, certified.subject);
  const crypto = new SignerCrypto(x509, key, read.signal);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned(
    {
      name,
      serialNumber,
      notBefore,
      notAfter,
      keys: crypto.keys,
      signingAlgorithm: key.algorithm,
      extensions: [...extensionsOf(x509, certified), ...(await keyIdentifiers(x509, key.signer.publicKey))],
    },
    crypto,
  );
  return pemBlock('CERTIFICATE', new Uint8Array(certificate.rawData));
}
