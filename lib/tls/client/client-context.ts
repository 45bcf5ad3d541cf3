import { InvalidOptionError } from '../../errors.ts';
import type { NativeConfig } from '../../native/binding.ts';
import { flag } from '../../options/kinds.ts';
import { readOptions, type Schema } from '../../options/option.ts';
import { readProtocols, type AlpnProtocols } from '../context/alpn-protocols.ts';
import { combineSettings, readOwnSettings, settingsAlone } from '../context/effective-settings.ts';
import type { Identity } from '../context/identity.ts';
import { processVersions } from '../context/protocol-versions.ts';
import {
  makeConfig,
  readIdentities,
  SecureContext,
  type SecureContextOptions,
} from '../context/secure-context.ts';
import { namesTrust, trustStore } from '../context/trust.ts';
import { refuseUnsupported } from '../context/unsupported-options.ts';

/** What a client's connection is secured with. */
export interface ClientContext {
  readonly config: NativeConfig;
  /** The same, which also keeps what `'keylog'` tells. */
  readonly keyLoggingConfig: () => NativeConfig;
  /** What it shows a server that asks for a certificate; none: it says that it has none. */
  readonly identities: readonly Identity[];
}

export interface ClientContextOptions extends SecureContextOptions {
  /** Made by `createSecureContext`, in place of `cert`, `signer`, `ca` and the like: it is made once for many connections. */
  secureContext?: SecureContext;
  /** In order of preference. A server that shares none of them leaves `alpnProtocol` false. */
  ALPNProtocols?: AlpnProtocols;
  /** Whether to ask for a stapled OCSP response: see `'OCSPResponse'`. */
  requestOCSP?: boolean;
}

export const clientContextSchema = { requestOCSP: flag(false) } satisfies Schema;

/** @throws as `createSecureContext`; without `cert` and `signer` the client has no certificate. */
export function readClientContext(options: ClientContextOptions, rejectUnauthorized: boolean): ClientContext {
  const { secureContext } = options;
  checkSecureContext(secureContext);
  const { requestOCSP } = readOptions(clientContextSchema, options);
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

/** Refuses the options of node:tls that no client of this package takes, before a connection is made. */
export function refuseUnsupportedOfClients(options: object): void {
  refuseUnsupported({ ...options, secureContext: undefined });
  checkSecureContext('secureContext' in options ? options.secureContext : undefined);
}

function checkSecureContext(secureContext: unknown): void {
  if (secureContext !== undefined && !(secureContext instanceof SecureContext)) {
    throw new InvalidOptionError(
      'secureContext',
      'what createSecureContext of this package made',
      secureContext,
    );
  }
}
