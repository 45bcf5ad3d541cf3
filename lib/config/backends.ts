import { readFile } from 'node:fs/promises';
import { group } from '../options/kinds.ts';
import type { OptionValues, Schema } from '../options/option.ts';
import { AzureSigner, azureSchema, type AzureCredential } from '../signers/azure/azure-signer.ts';
import { GoogleSigner, googleSchema } from '../signers/google/google-signer.ts';
import { KmsSigner } from '../signers/kms/kms-signer.ts';
import { kmsSchema, type KmsSignerOptions } from '../signers/kms/kms-signer-options.ts';
import { LocalKeySigner } from '../signers/local-key-signer.ts';
import { peerPackage } from '../signers/peer-package.ts';
import { Pkcs11Signer, pkcs11Schema } from '../signers/pkcs11/pkcs11-signer.ts';
import type { Signer } from '../signers/signer.ts';
import { SocketSigner, socketSignerSchema } from '../signers/socket/socket-signer.ts';
import { VaultSigner, vaultSchema } from '../signers/vault/vault-signer.ts';
import { file, oneOf, requiredFile } from './file-option.ts';

/** What a file can say of each backend: the options of its signer that are no functions, and secrets by the file that holds them. */
const { keyId, region, endpoint, signatureTimeout, hedging, requests, thread, circuitBreaker } = kmsSchema;
const { key, mount, namespace, renewToken, keyVersion } = vaultSchema;
const { tokenLabel, label, slot, sessions } = pkcs11Schema;

const sections = {
  kms: { keyId, region, endpoint, signatureTimeout, hedging, requests, thread, circuitBreaker },
  vault: {
    ...{ key, mount, namespace, renewToken, keyVersion, timeout: vaultSchema.timeout },
    address: { ...vaultSchema.address, isRequired: false },
    tokenFile: file('a file that holds a token'),
  },
  pkcs11: {
    ...{ module: pkcs11Schema.module, tokenLabel, slot, label, sessions, timeout: pkcs11Schema.timeout },
    id: { ...pkcs11Schema.label, expected: 'hexadecimal digits' },
    pinFile: file('a file that holds the PIN'),
    publicKeyFile: file('a PEM file of the public key, or of its certificate'),
  },
  azure: { keyId: azureSchema.keyId, timeout: azureSchema.timeout },
  google: { keyVersion: googleSchema.keyVersion, timeout: googleSchema.timeout },
  socket: {
    path: requiredFile('the socket of a signer'),
    timeout: socketSignerSchema.timeout,
    allowOthers: socketSignerSchema.allowOthers,
  },
  localKey: {
    file: requiredFile('a PEM file of a private key'),
    passphraseFile: file('a file that holds its passphrase'),
  },
} satisfies Record<string, Schema>;

export const backendsSchema = {
  kms: group(sections.kms, "an object such as { keyId: 'alias/site' }"),
  vault: group(sections.vault, "an object such as { key: 'site' }"),
  pkcs11: group(sections.pkcs11, "an object such as { module: '/usr/lib/softhsm/libsofthsm2.so' }"),
  azure: group(sections.azure, 'an object such as { keyId }'),
  google: group(sections.google, 'an object such as { keyVersion }'),
  socket: group(sections.socket, "an object such as { path: '/run/signer/site.sock' }"),
  localKey: group(sections.localKey, "an object such as { file: 'key.pem' }"),
} satisfies Schema;

export type Backends = OptionValues<typeof backendsSchema>;

/** The section `signer` of a file of settings. */
export const backendOption = oneOf(
  backendsSchema,
  `an object with one of ${Object.keys(backendsSchema).join(', ')}`,
);

/** A signer that is closed by whoever has opened it. */
export type OpenSigner = Signer & { close?(): unknown };

/**
 * Opens the key that the section `signer` names.
 *
 * @throws InvalidOptionError; the errors of the backend.
 */
export async function openBackend(backends: Backends): Promise<OpenSigner> {
  const { kms, vault, pkcs11, azure, google, socket, localKey } = backends;
  if (kms) return await KmsSigner.open(given(kms) as KmsSignerOptions);
  if (vault) {
    const { tokenFile, ...options } = vault;
    // The file is read again when the token is refused.
    const token = tokenFile === undefined ? {} : { token: () => secretOf(tokenFile) };
    return await VaultSigner.open(given({ ...options, ...token }));
  }
  if (pkcs11) {
    const { pinFile, publicKeyFile, ...options } = pkcs11;
    const pin = pinFile === undefined ? {} : { pin: () => secretOf(pinFile) };
    const publicKey = publicKeyFile === undefined ? {} : { publicKey: await readFile(publicKeyFile, 'utf8') };
    return await Pkcs11Signer.open(given({ ...options, ...pin, ...publicKey }));
  }
  if (azure) return await AzureSigner.open(given({ ...azure, credential: await azureCredential() }));
  if (google) return await GoogleSigner.open(given(google));
  if (socket) return await SocketSigner.open(given(socket));
  if (localKey) {
    const { file: path, passphraseFile } = localKey;
    const passphrase = passphraseFile === undefined ? {} : { passphrase: await secretOf(passphraseFile) };
    return new LocalKeySigner({ key: await readFile(path), ...passphrase });
  }
  throw new TypeError('a backend is read before it is opened');
}

/** Without what is undefined: optional properties are not given. */
export function given<Options extends object>(
  options: Options,
): {
  [Name in keyof Options]: Exclude<Options[Name], undefined>;
} {
  return Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) as {
    [Name in keyof Options]: Exclude<Options[Name], undefined>;
  };
}

/** Files end in a newline, secrets do not. */
export async function secretOf(path: string): Promise<string> {
  return (await readFile(path, 'utf8')).replace(/\r?\n$/, '');
}

interface Identity {
  readonly DefaultAzureCredential: new () => AzureCredential;
}

async function azureCredential(): Promise<AzureCredential> {
  const name = '@azure/identity'; // Not written out below: its types are not installed here.
  const { DefaultAzureCredential } = await peerPackage(name, () => import(name) as Promise<Identity>);
  return new DefaultAzureCredential();
}
