import { X509Certificate } from 'node:crypto';
import { InvalidOptionError } from '../errors.ts';
import { addon } from '../native/addon.ts';
import type { NativeConfig } from '../native/binding.ts';
import { checkCertificateMatchesSigner } from '../signer/certificate-match.ts';
import { LocalKeySigner } from '../signer/local-key-signer.ts';
import type { Signer } from '../signer/signer.ts';

/** What a connection is secured with: a certificate, the signer that holds its key, and a policy. Immutable. */
export interface SecureContext {
  readonly config: NativeConfig;
  readonly signer: Signer;
}

export interface SecureContextOptions {
  /** PEM certificate chain, the server's own certificate first. */
  cert: string | Uint8Array;
  /** Holds the certificate's private key. A `LocalKeySigner` signs on the engine's thread. */
  signer: Signer;
  /**
   * Name of an s2n-tls security policy. `'default'` unless given: TLS 1.2 and 1.3, AEAD ciphers, X25519MLKEM768 first. It
   * suits every key this package supports.
   */
  securityPolicy?: string;
  /** In order of preference. A client that offers ALPN and shares none of them is refused, as in node:tls. */
  ALPNProtocols?: readonly string[];
}

/**
 * Checks that everything fits, and makes the context.
 *
 * @throws InvalidOptionError, naming the option; KeyMismatchError; S2nPkeyError `ERR_S2N_PKEY_SECURITY_POLICY` when policy
 * and certificate can never agree, or the policy may ask for what no KMS signs.
 */
export function createSecureContext(options: SecureContextOptions): SecureContext {
  const { signer, securityPolicy = 'default', ALPNProtocols = [] } = options;
  const certificateChain = readCertificate(options.cert);
  if (!isSigner(signer)) {
    throw new InvalidOptionError(
      'signer',
      'a Signer, such as await KmsSigner.open({ keyId }) or new LocalKeySigner({ key })',
      signer,
    );
  }
  if (typeof securityPolicy !== 'string' || securityPolicy === '') {
    throw new InvalidOptionError(
      'securityPolicy',
      "the name of an s2n-tls policy, such as 'default'",
      securityPolicy,
    );
  }
  checkCertificateMatchesSigner(certificateChain, signer);
  const config = new (addon().Config)({
    certificateChain,
    securityPolicy,
    alpnProtocols: checkProtocols(ALPNProtocols),
    ...(signer instanceof LocalKeySigner ? { localKey: signer.nativeKey } : {}),
  });
  return { config, signer };
}

function readCertificate(cert: unknown): string {
  const expected = "a PEM certificate chain, the server's own certificate first";
  if (typeof cert !== 'string' && !(cert instanceof Uint8Array)) {
    throw new InvalidOptionError('cert', expected, cert);
  }
  const pem = typeof cert === 'string' ? cert : Buffer.from(cert).toString('latin1');
  if (pem.includes('PRIVATE KEY-----')) {
    throw new InvalidOptionError(
      'cert',
      `${expected}, and no private key beside it: remove the key from the file`,
      'PEM with a private key',
    );
  }
  try {
    new X509Certificate(pem);
  } catch (cause) {
    throw new InvalidOptionError('cert', expected, cert, { cause });
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

function checkProtocols(protocols: unknown): string[] {
  const expected = 'an array of protocol names of 1 to 255 bytes, such as ["h2", "http/1.1"]';
  if (!Array.isArray(protocols)) throw new InvalidOptionError('ALPNProtocols', expected, protocols);
  return protocols.map((protocol: unknown) => {
    if (typeof protocol !== 'string' || protocol.length < 1 || Buffer.byteLength(protocol) > 255) {
      throw new InvalidOptionError('ALPNProtocols', expected, protocol);
    }
    return protocol;
  });
}
