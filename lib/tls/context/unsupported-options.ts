import { Given, InvalidOptionError } from '../../errors.ts';

/** Options of node:tls that would bring the key into the process or have no effect here, and what to do instead. */
export const unsupportedOptions: Readonly<Record<string, string>> = {
  key: 'the private key stays with the signer: remove it, and pass `signer`',
  pfx: 'it holds a private key: pass the certificate chain as `cert`, and `signer`',
  passphrase: 'no key is read here: pass it to LocalKeySigner',
  privateKeyEngine: 'pass a `signer`',
  privateKeyIdentifier: 'pass a `signer`',
  clientCertEngine: 'pass a `signer`',
  secureContext: 'an OpenSSL context cannot be used by s2n-tls: pass `cert` and `signer`',
  ciphers: 's2n-tls takes whole policies: pass `securityPolicy`',
  ecdhCurve: 's2n-tls takes whole policies: pass `securityPolicy`',
  sigalgs: 's2n-tls takes whole policies: pass `securityPolicy`',
  secureProtocol: 'pass `minVersion` and `maxVersion`, or `securityPolicy`',
  dhparam: 'finite-field Diffie-Hellman is not offered',
  secureOptions:
    's2n-tls takes whole policies: pass `securityPolicy`, and `sessionTickets: false` for no tickets',
  pskCallback: 'pre-shared keys are not supported',
  pskIdentityHint: 'pre-shared keys are not supported',
  certificateCompression: 's2n-tls does not compress certificates',
  enableTrace: 's2n-tls has no trace of messages: listen to `keylog`, and decrypt a capture',
};

/** Throws for an option of node:tls that this package does not support, so that none is ignored silently. */
export function refuseUnsupported(options: object): void {
  const { honorCipherOrder } = options as { honorCipherOrder?: unknown };
  if (honorCipherOrder !== undefined && honorCipherOrder !== true) {
    throw new InvalidOptionError(
      'honorCipherOrder',
      "true: s2n-tls always goes by the server's order",
      honorCipherOrder,
    );
  }
  for (const [name, value] of Object.entries(options)) {
    const advice = unsupportedOptions[name];
    if (advice !== undefined && value !== undefined && value !== false && value !== null) {
      throw new InvalidOptionError(
        name,
        `nothing: ${advice}`,
        typeof value === 'object' ? value : new Given('a value'),
      );
    }
  }
}
