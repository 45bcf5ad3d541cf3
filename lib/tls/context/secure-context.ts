import { Given } from '../../errors.ts';
import { anything } from '../../options/kinds.ts';
import {
  checkOptionsObject,
  isOptionsObject,
  readOption,
  refusal,
  type SchemaOf,
} from '../../options/option.ts';
import { addon } from '../../native/addon.ts';
import type { NativeConfig, NativeConfigOptions, NativeTrustStore } from '../../native/binding.ts';
import {
  policyOption,
  readOwnSettings,
  replaceSettings,
  settingsAlone,
  type EffectiveSettings,
  type OwnSettings,
} from './effective-settings.ts';
import { identitySchema, readIdentity, type Identity, type IdentityOptions } from './identity.ts';
import type { PemCertificate } from '../../pem/certificates.ts';
import { namesTrust, readAuthorities, trustSchema, trustStore, type TrustOptions } from './trust.ts';
import {
  processVersions,
  versionSchema,
  type ProtocolVersionOptions,
  type VersionRange,
} from './protocol-versions.ts';
import { refuseUnsupported } from './unsupported-options.ts';

/** Certificates, the signers of their keys, and the security policy: options of contexts, servers and clients. */
export interface SecureContextOptions extends Partial<IdentityOptions>, TrustOptions, ProtocolVersionOptions {
  /**
   * Certificates with their signers, one for each kind of key (RSA, ECDSA, ML-DSA), in addition to `cert` and `signer` or instead of
   * them. Each peer gets the one that it supports.
   */
  identities?: readonly IdentityOptions[];
  /**
   * Name of an s2n-tls security policy. Default: `'default'`, which is TLS 1.2 and 1.3 with AEAD ciphers and X25519MLKEM768
   * first. It works with every RSA and ECDSA key that this package supports; ML-DSA needs `'default_pq'` or `'cnsa_2'`.
   */
  securityPolicy?: string;
}

const identitiesOption = anything<readonly Partial<IdentityOptions>[]>({
  ...{ type: 'object[]', expected: 'an array of { cert, signer }, one for each kind of key', fallback: [] },
  fits: (value) => Array.isArray(value) && value.every(isOptionsObject),
});

export const secureContextSchema = {
  ...identitySchema,
  identities: identitiesOption,
  securityPolicy: policyOption,
  ...versionSchema,
  ...trustSchema,
} satisfies SchemaOf<SecureContextOptions>;

/** Certificates, the signers that hold their keys, and a policy, for any number of connections. Immutable. */
export class SecureContext {
  /** @internal */
  readonly identities: readonly Identity[];
  /** @internal Its own options. The effective settings also depend on the server. */
  readonly own: OwnSettings;
  /** @internal The protocol versions of the process (`tls.DEFAULT_MIN_VERSION`) when it was created. */
  readonly process: VersionRange;
  #trust: NativeTrustStore | undefined;

  /** @internal Call `createSecureContext` instead. */
  constructor(identities: readonly Identity[], own: OwnSettings, process: VersionRange) {
    this.identities = identities;
    this.own = own;
    this.process = process;
  }

  /** @internal The effective settings if it belongs to no server, or is the default context of one. */
  get settings(): EffectiveSettings {
    return settingsAlone(this.own, this.process);
  }

  /** @internal The trust store of a context by itself. Created once, because reading authorities is slow. */
  trust(): NativeTrustStore {
    // The authorities that Node trusts can change at run time; `trustStore` caches theirs.
    if (!namesTrust(this.own.trust)) return trustStore({});
    return (this.#trust ??= trustStore(this.own.trust));
  }

  /** @internal A copy with other identities. */
  withIdentities(identities: readonly Identity[]): SecureContext {
    return new SecureContext(identities, this.own, this.process);
  }

  /** @internal A copy whose options are replaced by those that the other context sets. */
  withSettingsOf({ own }: SecureContext): SecureContext {
    return new SecureContext(this.identities, replaceSettings(this.own, own), this.process);
  }
}

/**
 * Creates a context for `server.addContext`, `SNICallback`, or several servers, after checking that its options fit together.
 *
 * @throws InvalidOptionError, naming the option; KeyMismatchError; S2nPkeyError `ERR_S2N_PKEY_SECURITY_POLICY` if policy
 * and certificate can never agree, or if the policy can require a signature that no KMS makes.
 */
export function createSecureContext(options: SecureContextOptions): SecureContext {
  const context = readSecureContext(options);
  makeConfig(context.identities, context.settings); // reports a policy that does not fit now, not at the first connection
  if (namesTrust(context.own.trust)) context.trust();
  return context;
}

/** Like `createSecureContext`, but does not check whether policy and certificates fit together. */
export function readSecureContext(options: SecureContextOptions): SecureContext {
  checkOptionsObject(options, '{ cert, signer, … }');
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
  return readEachIdentity(options, readIdentity);
}

const typeNames: Readonly<Record<string, string>> = { rsa: 'RSA', ec: 'ECDSA', 'ml-dsa': 'ML-DSA' };

/** Reads `cert` and `signer`, then each of `identities`, by `readOne`. */
export function readEachIdentity<T extends Pick<Identity, 'keyType'>>(
  options: SecureContextOptions,
  readOne: (
    identity: Partial<IdentityOptions>,
    option: string,
    authorities: () => readonly PemCertificate[],
  ) => T,
): T[] {
  const { cert, signer, ocspResponse } = options;
  const list = readOption('identities', identitiesOption, options.identities);
  const alone = list.length === 0 || cert !== undefined || signer !== undefined;
  const authorities = (): readonly PemCertificate[] => readAuthorities(options.ca);
  const own = { cert, signer, ocspResponse } as Partial<IdentityOptions>;
  const read = alone ? [readOne(own, '', authorities)] : [];
  for (const [index, each] of list.entries()) {
    read.push(readOne(each, `identities[${index}].`, authorities));
  }
  const types = read.map(({ keyType }) => keyType);
  const twice = types.find((type, index) => types.indexOf(type) !== index);
  if (twice !== undefined) {
    throw refusal(
      'identities',
      identitiesOption,
      new Given(`two for ${typeNames[twice] ?? twice} keys`),
      `${identitiesOption.expected}: a handshake chooses by the kind of key, and by the name with server.addContext`,
    );
  }
  return read;
}
