import type { NativeConfig } from '../../native/binding.ts';
import { anything, flag } from '../../options/kinds.ts';
import { readOption, type SchemaOf } from '../../options/option.ts';
import { protocolsOption, readProtocols, type AlpnProtocols } from '../context/alpn-protocols.ts';
import { combineSettings, readOwnSettings, settingsAlone } from '../context/effective-settings.ts';
import type { Identity } from '../context/identity.ts';
import { processVersions } from '../context/protocol-versions.ts';
import {
  makeConfig,
  readIdentities,
  SecureContext,
  secureContextSchema,
  type SecureContextOptions,
} from '../context/secure-context.ts';
import { namesTrust, trustStore } from '../context/trust.ts';
import { refuseUnsupported } from '../context/unsupported-options.ts';

/** The checked TLS settings of a client's connection. */
export interface ClientContext {
  readonly config: NativeConfig;
  /** The same configuration, which also collects the lines for `'keylog'`. */
  readonly keyLoggingConfig: () => NativeConfig;
  /** Certificates for a server that asks; with none, the client answers that it has no certificate. */
  readonly identities: readonly Identity[];
}

export interface ClientContextOptions extends SecureContextOptions {
  /** From `createSecureContext`, instead of `cert`, `signer` and `ca`. Create it once for many connections. */
  secureContext?: SecureContext;
  /** In order of preference. If the server supports none of them, `alpnProtocol` is false. */
  ALPNProtocols?: AlpnProtocols;
  /** Whether to ask for a stapled OCSP response (RFC 6066 §8), which `'OCSPResponse'` reports. Default: false. */
  requestOCSP?: boolean;
}

export const clientContextSchema = {
  ...secureContextSchema,
  secureContext: anything<SecureContext | undefined>({
    ...{ type: 'SecureContext', expected: 'what createSecureContext of this package made' },
    fits: (value) => value instanceof SecureContext,
  }),
  ALPNProtocols: protocolsOption,
  requestOCSP: flag(false),
} satisfies SchemaOf<ClientContextOptions>;

/** Without `cert` and `signer` the client has no certificate. @throws The errors of `createSecureContext`. */
export function readClientContext(options: ClientContextOptions, rejectUnauthorized: boolean): ClientContext {
  const secureContext = readSecureContextOption(options.secureContext);
  const requestOCSP = readOption('requestOCSP', clientContextSchema.requestOCSP, options.requestOCSP);
  const named = options.cert ?? options.signer ?? options.identities;
  const identities = secureContext?.identities ?? (named === undefined ? [] : readIdentities(options));
  const own = readOwnSettings(options);
  const settings = secureContext
    ? settingsAlone(combineSettings(secureContext.own, own), secureContext.process)
    : settingsAlone(own, processVersions());
  const trust = secureContext && !namesTrust(own.trust) ? secureContext.trust() : trustStore(settings.trust);
  const alpnProtocols = readProtocols(options.ALPNProtocols);
  const make = (logsKeys: boolean): NativeConfig =>
    makeConfig(identities, settings, {
      alpnProtocols,
      verification: { trust, rejectUnauthorized },
      client: true,
      requestOcsp: requestOCSP,
      logsKeys,
    });
  return { config: make(false), keyLoggingConfig: () => make(true), identities };
}

/** Refuses the options of node:tls that no client of this package supports, before it opens a connection. */
export function refuseUnsupportedOfClients(options: object): void {
  refuseUnsupported({ ...options, secureContext: undefined });
  readSecureContextOption('secureContext' in options ? options.secureContext : undefined);
}

function readSecureContextOption(secureContext: unknown): SecureContext | undefined {
  return readOption('secureContext', clientContextSchema.secureContext, secureContext);
}
