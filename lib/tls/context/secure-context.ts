import { Given, InvalidOptionError } from '../../errors.ts';
import { addon } from '../../native/addon.ts';
import type { NativeConfig, NativeConfigOptions, NativeTrustStore } from '../../native/binding.ts';
import {
  readOwnSettings,
  replaceSettings,
  settingsAlone,
  type EffectiveSettings,
  type OwnSettings,
} from './effective-settings.ts';
import { readIdentity, type Identity, type IdentityOptions } from './identity.ts';
import type { PemCertificate } from '../../pem/certificates.ts';
import { namesTrust, readAuthorities, trustStore, type TrustOptions } from './trust.ts';
import { processVersions, type ProtocolVersionOptions, type VersionRange } from './protocol-versions.ts';
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
  /** @internal What its options say; what holds in effect is its server's affair, too. */
  readonly own: OwnSettings;
  /** @internal What the process said when it was made. */
  readonly process: VersionRange;
  #trust: NativeTrustStore | undefined;

  /** @internal Made by `createSecureContext`. */
  constructor(identities: readonly Identity[], own: OwnSettings, process: VersionRange) {
    this.identities = identities;
    this.own = own;
    this.process = process;
  }

  /** @internal What holds where it belongs to no server, or is the server's own. */
  get settings(): EffectiveSettings {
    return settingsAlone(this.own, this.process);
  }

  /** @internal Whom it trusts where it stands alone. Made once: reading authorities takes its time. */
  trust(): NativeTrustStore {
    // Those that Node trusts may change, and have a store of their own.
    if (!namesTrust(this.own.trust)) return trustStore({});
    return (this.#trust ??= trustStore(this.own.trust));
  }

  /** @internal The same with other identities. */
  withIdentities(identities: readonly Identity[]): SecureContext {
    return new SecureContext(identities, this.own, this.process);
  }

  /** @internal The same with what another context says, in place of what this one says of it. */
  withSettingsOf({ own }: SecureContext): SecureContext {
    return new SecureContext(this.identities, replaceSettings(this.own, own), this.process);
  }
}

/**
 * Checks that everything fits, and makes a context: for `server.addContext`, `SNICallback`, or several servers.
 *
 * @throws InvalidOptionError, naming the option; KeyMismatchError; S2nPkeyError `ERR_S2N_PKEY_SECURITY_POLICY` when policy
 * and certificate can never agree, or the policy may ask for what no KMS signs.
 */
export function createSecureContext(options: SecureContextOptions): SecureContext {
  const context = readSecureContext(options);
  makeConfig(context.identities, context.settings); // that they fit is said here, and not when a server first needs it
  if (namesTrust(context.own.trust)) context.trust();
  return context;
}

/** Leaves to the caller whether policy and certificates fit. @throws as `createSecureContext` otherwise. */
export function readSecureContext(options: SecureContextOptions): SecureContext {
  if (typeof options !== 'object' || (options as unknown) === null) {
    throw new InvalidOptionError('options', '{ cert, signer, … }', options);
  }
  refuseUnsupported(options);
  return new SecureContext(readIdentities(options), readOwnSettings(options), processVersions());
}

/**
 * The native configuration of these identities and settings.
 *
 * @throws S2nPkeyError `ERR_S2N_PKEY_SECURITY_POLICY`.
 */
export function makeConfig(
  identities: readonly Identity[],
  { securityPolicy, minVersion, maxVersion }: EffectiveSettings,
  others: Partial<NativeConfigOptions> = {},
): NativeConfig {
  return new (addon().Config)({
    alpnProtocols: [],
    ...others,
    identities: identities.map(({ native }) => native),
    securityPolicy,
    minVersion,
    maxVersion,
  });
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
      new Given(`two for ${twice === 'rsa' ? 'RSA' : 'ECDSA'} keys`),
    );
  }
  return read;
}
