import { X509Certificate } from 'node:crypto';
import { InvalidOptionError } from '../errors.ts';
import { addon } from '../native/addon.ts';
import type { NativeIdentity } from '../native/binding.ts';
import { checkCertificateMatchesSigner } from '../signer/certificate-match.ts';
import { LocalKeySigner } from '../signer/local-key-signer.ts';
import type { Signer } from '../signer/signer.ts';

/** A certificate and the signer that holds its private key. */
export interface IdentityOptions {
  /** PEM certificate chain, the server's own certificate first. */
  cert: string | Uint8Array;
  /** Holds the certificate's private key. A `LocalKeySigner` signs on the engine's thread. */
  signer: Signer;
  /** DER, for clients that ask for it (OCSP stapling, RFC 6066 §8); see also `server.setOcspResponse`. */
  ocspResponse?: Uint8Array;
}

/** An identity that was checked, as the engine takes it. */
export interface Identity {
  /** The certificate chain, PEM. */
  readonly certificateChain: string;
  readonly signer: Signer;
  readonly native: NativeIdentity;
  /** `rsa` or `ec`: a handshake chooses one identity by it. */
  readonly keyType: string | undefined;
}

/**
 * Reads one identity. `option` is its place in the caller's options, such as `identities[1].`; empty at the top.
 *
 * @throws InvalidOptionError, naming the option; KeyMismatchError.
 */
export function readIdentity(
  { cert, signer, ocspResponse }: Partial<IdentityOptions>,
  option = '',
): Identity {
  const certificateChain = readCertificate(cert, `${option}cert`);
  if (!isSigner(signer)) {
    throw new InvalidOptionError(
      `${option}signer`,
      'a Signer, such as await KmsSigner.open({ keyId }) or new LocalKeySigner({ key })',
      signer,
    );
  }
  checkCertificateMatchesSigner(certificateChain, signer);
  const chain = new (addon().CertificateChain)(certificateChain);
  const identity = {
    certificateChain,
    signer,
    native: signer instanceof LocalKeySigner ? { chain, localKey: signer.nativeKey } : { chain },
    keyType: signer.publicKey.asymmetricKeyType,
  };
  return ocspResponse === undefined ? identity : withOcspResponse(identity, ocspResponse, option);
}

/**
 * The same with another OCSP response; null: none.
 *
 * @throws InvalidOptionError.
 */
export function withOcspResponse(identity: Identity, response: unknown, option = ''): Identity {
  // OCSPResponse is a SEQUENCE (RFC 6960 §4.2.1).
  if (response !== null && (!(response instanceof Uint8Array) || response[0] !== 0x30)) {
    throw new InvalidOptionError(`${option}ocspResponse`, 'a Buffer with an OCSP response, DER', response);
  }
  const chain = new (addon().CertificateChain)(identity.certificateChain, response ?? undefined);
  return { ...identity, native: { ...identity.native, chain } };
}

function readCertificate(cert: unknown, option: string): string {
  const expected = "a PEM certificate chain, the server's own certificate first";
  if (typeof cert !== 'string' && !(cert instanceof Uint8Array)) {
    throw new InvalidOptionError(option, expected, cert);
  }
  const pem = typeof cert === 'string' ? cert : Buffer.from(cert).toString('latin1');
  if (pem.includes('PRIVATE KEY-----')) {
    throw new InvalidOptionError(
      option,
      `${expected}, and no private key beside it: remove the key from the file`,
      'PEM with a private key',
    );
  }
  try {
    new X509Certificate(pem);
  } catch (cause) {
    throw new InvalidOptionError(option, expected, cert, { cause });
  }
  return pem;
}

function isSigner(value: unknown): value is Signer {
  return (
    typeof value === 'object' &&
    value !== null &&
    'sign' in value &&
    typeof value.sign === 'function' &&
    'publicKey' in value &&
    'schemes' in value &&
    Array.isArray(value.schemes)
  );
}
