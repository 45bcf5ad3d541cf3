import { readFileSync } from 'node:fs';
import { openBackend, type OpenSigner } from '../config/backends.ts';
import { openFleetTicketKeys } from '../config/fleet-ticket-keys.ts';
import { readChain } from '../pem/certificates.ts';
import { KmsSigner } from '../signers/kms/kms-signer.ts';
import { LocalKeySigner } from '../signers/local-key-signer.ts';
import { createSecureContext } from '../tls/context/secure-context.ts';
import type { TlsServerOptions } from '../tls/server/server-options.ts';
import { RegisterError, settingVariables, type Settings } from './settings.ts';

/** Options for servers, whose signer is one that this package has opened. */
export type RegisteredOptions = TlsServerOptions & { cert: Buffer; signer: OpenSigner };

/**
 * Reads the files and opens the key that the settings name, and checks that all of it fits together.
 *
 * @throws RegisterError, naming the setting; KmsError and others of this package's errors.
 */
export async function serverOptionsOf(settings: Settings): Promise<RegisteredOptions> {
  const { cert, ca, crl, ticketKeys, fleetTicketKeys } = settings;
  const { securityPolicy, minVersion, maxVersion, handshakeTimeout } = settings;
  const { requestCert, rejectUnauthorized, sessionTimeout, signatureLimits, proxyProtocol } = settings;
  const files = {
    cert: read('cert', cert),
    ...(ca === undefined ? {} : { ca: read('ca', ca) }),
    ...(crl === undefined ? {} : { crl: read('crl', crl) }),
    ...(ticketKeys === undefined ? {} : { ticketKeys: read('ticketKeys', ticketKeys) }),
  };
  const values = Object.fromEntries(
    Object.entries({
      ...{ securityPolicy, minVersion, maxVersion, handshakeTimeout },
      ...{ requestCert, rejectUnauthorized, sessionTimeout, signatureLimits, proxyProtocol },
    }).filter(([, value]) => value !== undefined),
  ) as Omit<TlsServerOptions, 'signer'>;
  const signer = await signerOf(settings);
  try {
    const options = { ...values, ...files, signer };
    createSecureContext(options); // what does not fit together is said now, and not when the program listens
    if (fleetTicketKeys === undefined) return options;
    return { ...options, ticketKeys: await openFleetTicketKeys(fleetTicketKeys) };
  } catch (error) {
    await signer.close?.();
    throw error;
  }
}

async function signerOf(settings: Settings): Promise<OpenSigner> {
  const { signer, keyId, region, endpoint, localKey, localKeyPassphrase: passphrase } = settings;
  if (signer !== undefined) return await openBackend(signer);
  if (localKey !== undefined) {
    const key = read('localKey', localKey);
    return new LocalKeySigner({ key, ...(passphrase === undefined ? {} : { passphrase }) });
  }
  return await KmsSigner.open({
    keyId: keyId ?? '',
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
  });
}

/** @throws RegisterError for a certificate that clients refuse now. */
export function refuseOutdated(cert: Buffer, now: number): void {
  const [leaf] = readChain('cert', "a PEM certificate chain, the server's own first", cert).certificates;
  if (leaf === undefined) return;
  const { validFrom, validTo } = leaf;
  const fault = now > Date.parse(validTo) ? `expired on ${validTo}` : `is valid from ${validFrom}`;
  if (now > Date.parse(validTo) || now < Date.parse(validFrom)) {
    throw new RegisterError(`cert: expected a certificate that is valid now; given one that ${fault}`);
  }
}

function read(name: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RegisterError(`${settingVariables.get(name) ?? name}: the file could not be read: ${why}`, {
      cause,
    });
  }
}
