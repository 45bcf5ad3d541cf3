import { readFileSync } from 'node:fs';
import { KmsSigner } from '../signers/kms/kms-signer.ts';
import { LocalKeySigner } from '../signers/local-key-signer.ts';
import type { Signer } from '../signers/signer.ts';
import { createSecureContext } from '../tls/context/secure-context.ts';
import type { TlsServerOptions } from '../tls/server/server-options.ts';
import { RegisterError, type Settings } from './settings.ts';

/**
 * Reads the files and opens the key that the settings name, and checks that all of it fits together.
 *
 * @throws RegisterError, naming the setting; KmsError and others of this package's errors.
 */
export async function serverOptionsOf(settings: Settings): Promise<TlsServerOptions> {
  const { securityPolicy, handshakeTimeout } = settings;
  const options: TlsServerOptions = {
    cert: read('S2N_PKEY_CERT', settings.cert),
    signer: await signerOf(settings),
    ...(securityPolicy === undefined ? {} : { securityPolicy }),
    ...(handshakeTimeout === undefined ? {} : { handshakeTimeout }),
  };
  createSecureContext(options); // what does not fit together is said now, and not when the program listens
  return options;
}

async function signerOf(settings: Settings): Promise<Signer> {
  const { keyId, region, endpoint, localKey, localKeyPassphrase: passphrase } = settings;
  if (localKey !== undefined) {
    const key = read('S2N_PKEY_LOCAL_KEY', localKey);
    return new LocalKeySigner({ key, ...(passphrase === undefined ? {} : { passphrase }) });
  }
  return await KmsSigner.open({
    keyId: keyId ?? '',
    ...(region === undefined ? {} : { region }),
    ...(endpoint === undefined ? {} : { endpoint }),
  });
}

function read(name: string, path: string): Buffer {
  try {
    return readFileSync(path);
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : String(cause);
    throw new RegisterError(`${name}: the file could not be read: ${why}`, { cause });
  }
}
