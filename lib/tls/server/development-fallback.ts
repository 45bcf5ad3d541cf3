/**
 * Serves with node:tls on platforms without an addon, for development. It accepts only a `LocalKeySigner`, whose key is in the
 * process anyway.
 */
import { createSecureContext, type SecureContextOptions as NodeContextOptions, type Server } from 'node:tls';
import { Given, InvalidOptionError, S2nPkeyError } from '../../errors.ts';
import { waysToLinux } from '../../native/other-platforms.ts';
import { LocalKeySigner } from '../../signers/local-key-signer.ts';
import { readProtocols } from '../context/alpn-protocols.ts';
import { overlay } from '../context/effective-settings.ts';
import { readCertified } from '../context/identity.ts';
import { processVersions, readVersions } from '../context/protocol-versions.ts';
import { readEachIdentity, SecureContext, type SecureContextOptions } from '../context/secure-context.ts';
import { refuseUnsupported } from '../context/unsupported-options.ts';
import { readClientCertificates } from '../context/peer-verification.ts';
import { readConnectionOptions, type TlsServerOptions } from './server-options.ts';
import { isHandshakeTimeout, settingsOf } from './server-settings.ts';

type Option = keyof TlsServerOptions;

/** Options of the certificate, and those of Node's contexts. */
const ofContext: readonly Option[] = [
  ...(['cert', 'signer', 'identities', 'ca', 'crl', 'minVersion', 'maxVersion'] as const),
  ...(['sessionTimeout', 'sessionIdContext', 'ticketKeys'] as const),
];

/** Options that Node's server reads from its own fields for each connection. */
const ofConnections: readonly Option[] = [
  ...(['ALPNProtocols', 'handshakeTimeout', 'requestCert', 'rejectUnauthorized'] as const),
  ...(['allowHalfOpen', 'pauseOnConnect', 'highWaterMark', 'noDelay'] as const),
  ...(['keepAlive', 'keepAliveInitialDelay'] as const),
];

/** Options that are ignored. The warning names them. */
const withoutEffect: readonly Option[] = [
  'securityPolicy',
  'signatureLimits',
  'ocspResponse',
  'logger',
  'sessionTickets',
];

/**
 * Lets node:tls serve with a `tls.Server` that has no key, and warns. Its sockets are Node's own.
 *
 * @throws S2nPkeyError `ERR_S2N_PKEY_PLATFORM` for a signer that is not a `LocalKeySigner`; InvalidOptionError for an option that
 * node:tls cannot serve, by name.
 */
export function serveByNodeTls(server: Server, given: TlsServerOptions, reason: S2nPkeyError): void {
  refuseUnsupported(given);
  const options = overlay<TlsServerOptions>(settingsOf(server), given);
  const names = Object.keys(overlay<TlsServerOptions>({}, given)) as Option[];
  for (const name of names) {
    if (![...ofContext, ...ofConnections, ...withoutEffect].includes(name)) refuseOption(name);
  }
  const context = nodeContext(options, reason);
  createSecureContext(context); // throws before the server is changed
  const fields = connectionFields(server, options, names);
  const addContext = server.addContext.bind(server);
  const setSecureContext = server.setSecureContext.bind(server);
  setSecureContext(context);
  Object.assign(server, fields, {
    addContext(hostname: string, added: SecureContextOptions): void {
      addContext(hostname, nodeContext(added, reason));
    },
    setSecureContext(replacement: SecureContextOptions): void {
      setSecureContext(nodeContext(overlay<SecureContextOptions>(options, replacement), reason));
    },
    setOcspResponse(): void {
      throw withReason('OCSP responses are not served by node:tls in development', reason);
    },
  });
  const ignored = names.filter((name) => withoutEffect.includes(name));
  process.emitWarning(
    `TLS is served by node:tls, and the private key is in this process: S2N_PKEY_DEVELOPMENT_FALLBACK is set and there is no ` +
      `native addon. This is for development only.${ignored.length > 0 ? ` Without effect: ${ignored.join(', ')}.` : ''}`,
    { code: 'S2N_PKEY_NODE_TLS', detail: reason.message },
  );
}

function refuseOption(name: string): never {
  throw new InvalidOptionError(
    name,
    'nothing: node:tls serves here (S2N_PKEY_DEVELOPMENT_FALLBACK), and has no such option',
    new Given('a value'),
  );
}

/** Converts the options to those of node:tls. */
function nodeContext(options: SecureContextOptions, reason: S2nPkeyError): NodeContextOptions {
  if (options instanceof SecureContext) throw withReason('a SecureContext needs the native addon', reason);
  refuseUnsupported(options);
  const identities = readEachIdentity(options, (each, option, authorities) => {
    const { signer } = each;
    // Before its certificate: an unsuitable signer is refused whatever else is wrong.
    if (typeof signer === 'object' && !(signer instanceof LocalKeySigner)) {
      const kind = (signer as object | null)?.constructor.name ?? 'null';
      throw withReason(
        `only the key of a LocalKeySigner is served by node:tls, never one that is kept elsewhere (${option}signer is a ${kind})`,
        reason,
      );
    }
    const certified = readCertified(each, option, authorities);
    return { ...certified, key: signer?.developmentKey };
  });
  const { minVersion, maxVersion } = readVersions(options);
  const process = processVersions();
  const { ca, crl } = options;
  const keys = identities.map(({ key }) => ({ pem: key?.pem ?? '', passphrase: key?.passphrase }));
  const node = {
    cert: identities.map(({ certificateChain }) => certificateChain),
    key: keys,
    minVersion: minVersion ?? process.minVersion,
    maxVersion: maxVersion ?? process.maxVersion,
    ...{ ca, crl },
    ...pick(options, ['sessionTimeout', 'sessionIdContext', 'ticketKeys']),
  };
  return overlay<NodeContextOptions>({}, node as NodeContextOptions);
}

/** The fields and symbols of a `tls.Server` for these options. They are checked as in `attach`. */
function connectionFields(server: Server, options: TlsServerOptions, names: readonly Option[]): object {
  const checked = {
    ...readConnectionOptions(options),
    ...pick(options, ['requestCert', 'rejectUnauthorized']),
  };
  readClientCertificates(options);
  const { handshakeTimeout, ...fields }: Record<string | symbol, unknown> = pick(
    checked,
    ofConnections.filter((name) => names.includes(name)),
  );
  const ofTimeout = Object.getOwnPropertySymbols(server).find(isHandshakeTimeout);
  if (ofTimeout !== undefined && handshakeTimeout !== undefined) fields[ofTimeout] = handshakeTimeout;
  if (names.includes('keepAliveInitialDelay'))
    fields['keepAliveInitialDelay'] = Math.floor(checked.keepAliveInitialDelay / 1000);
  if (names.includes('ALPNProtocols')) {
    fields['ALPNProtocols'] = Buffer.concat(
      readProtocols(options.ALPNProtocols).map((name) =>
        Buffer.from([Buffer.byteLength(name), ...Buffer.from(name)]),
      ),
    );
  }
  return fields;
}

function pick(from: object, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(from).filter(([name, value]) => names.includes(name) && value !== undefined),
  );
}

function withReason(what: string, reason: S2nPkeyError): S2nPkeyError {
  const ways = reason.code === 'ERR_S2N_PKEY_PLATFORM' ? waysToLinux.replace(/;.*/, '') : 'install the addon';
  return new S2nPkeyError('ERR_S2N_PKEY_PLATFORM', `${what}: ${ways}.`, { cause: reason });
}
