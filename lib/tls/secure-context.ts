import { InvalidOptionError } from '../errors.ts';
import { addon } from '../native/addon.ts';
import type { NativeConfigOptions, NativeTrustStore } from '../native/binding.ts';
import { readIdentity, type Identity, type IdentityOptions } from './identity.ts';
import type { PemCertificate } from '../pem/certificates.ts';
import { namesTrust, readAuthorities, trustStore, type TrustOptions } from './trust.ts';
import { policyForVersions, type ProtocolVersionOptions } from './protocol-versions.ts';
import { refuseUnsupported } from './unsupported-options.ts';

export interface SecureContextOptions extends Partial<IdentityOptions>, TrustOptions, ProtocolVersionOptions {
  /**
   * Further certificates beside `cert` and `signer`, or all of them: one for each kind of key (RSA, ECDSA), of which each
   * client is shown the one that suits it.
   */
  identities?: readonly IdentityOptions[];
  /**
   * Name of an s2n-tls security policy. `'default'` unless given: TLS 1.2 and 1.3, AEAD ciphers, X25519MLKEM768 first. It
   * suits every key this package supports.
   */
  securityPolicy?: string;
}

/** What connections are secured with: certificates, the signers that hold their keys, and a policy. Immutable. */
export class SecureContext {
  /** @internal */
  readonly identities: readonly Identity[];
  /** @internal What the engine makes a configuration of, together with what is the server's own. */
  readonly configOptions: NativeConfigOptions;
  /** @internal Undefined where the options name none. */
  readonly trust: NativeTrustStore | undefined;

  /** @internal Made by `createSecureContext`. */
  constructor(
    identities: readonly Identity[],
    configOptions: NativeConfigOptions,
    trust: NativeTrustStore | undefined,
  ) {
    this.identities = identities;
    this.configOptions = configOptions;
    this.trust = trust;
  }

  /** @internal The same with other identities. */
  withIdentities(change: (identities: readonly Identity[]) => readonly Identity[]): SecureContext {
    const identities = change(this.identities);
    const native = identities.map((identity) => identity.native);
    return new SecureContext(identities, { ...this.configOptions, identities: native }, this.trust);
  }
}

/**
 * Checks that everything fits, and makes a context: for `server.addContext`, `SNICallback`, or several servers.
 *
 * @throws InvalidOptionError, naming the option; KeyMismatchError; S2nPkeyError `ERR_S2N_PKEY_SECURITY_POLICY` when policy
 * and certificate can never agree, or the policy may ask for what no KMS signs.
 */
export function createSecureContext(options: SecureContextOptions): SecureContext {
  if (typeof options !== 'object' || (options as unknown) === null) {
    throw new InvalidOptionError('options', '{ cert, signer, … }', options);
  }
  refuseUnsupported(options);
  const { securityPolicy = policyForVersions(options) ?? 'default' } = options;
  if (options.securityPolicy !== undefined) policyForVersions(options);
  const identities = readIdentities(options);
  if (typeof securityPolicy !== 'string' || securityPolicy === '') {
    throw new InvalidOptionError(
      'securityPolicy',
      "the name of an s2n-tls policy, such as 'default'",
      securityPolicy,
    );
  }
  const configOptions = {
    identities: identities.map(({ native }) => native),
    securityPolicy,
    alpnProtocols: [],
  };
  new (addon().Config)(configOptions); // that they fit is said here, and not when a server first needs it
  return new SecureContext(identities, configOptions, namesTrust(options) ? trustStore(options) : undefined);
}

export function readIdentities(options: SecureContextOptions): Identity[] {
  const { cert, signer, ocspResponse, identities } = options;
  const expected = 'an array of { cert, signer }, one for each kind of key';
  if (identities !== undefined && !Array.isArray(identities)) {
    throw new InvalidOptionError('identities', expected, identities);
  }
  const list: readonly unknown[] = identities ?? [];
  const alone = list.length === 0 || cert !== undefined || signer !== undefined;
  const authorities = (): readonly PemCertificate[] => readAuthorities(options.ca);
  const own = { cert, signer, ocspResponse } as Partial<IdentityOptions>;
  const read = alone ? [readIdentity(own, '', authorities)] : [];
  for (const [index, each] of list.entries()) {
    if (typeof each !== 'object' || each === null) throw new InvalidOptionError('identities', expected, each);
    read.push(readIdentity(each, `identities[${index}].`, authorities));
  }
  const types = read.map(({ keyType }) => keyType);
  const twice = types.find((type, index) => types.indexOf(type) !== index);
  if (twice !== undefined) {
    throw new InvalidOptionError(
      'identities',
      `${expected}: a handshake chooses by the kind of key, and by the name with server.addContext`,
      `two for ${twice === 'rsa' ? 'RSA' : 'ECDSA'} keys`,
    );
  }
  return read;
}
