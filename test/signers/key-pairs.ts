import { generateKeyPairSync, type KeyObject } from 'node:crypto';

/** Every kind of key that a certificate here can have. */
export const keyNames = ['P-256', 'P-384', 'P-521', 'RSA-2048', 'RSA-3072', 'RSA-4096'] as const;
export type KeyName = (typeof keyNames)[number];

export interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

const made = new Map<KeyName, KeyPair>();

/** A key pair of this kind, the same one all through a test run: RSA keys take seconds to make. */
export function keyPair(name: KeyName): KeyPair {
  const pair = made.get(name) ?? makeKeyPair(name);
  made.set(name, pair);
  return pair;
}

/** Another key pair of the same kind. */
export function makeKeyPair(name: KeyName): KeyPair {
  return name.startsWith('P-')
    ? generateKeyPairSync('ec', { namedCurve: name })
    : generateKeyPairSync('rsa', { modulusLength: Number(name.slice('RSA-'.length)) });
}

/** PKCS#8 PEM. */
export function privateKeyPem({ privateKey }: KeyPair): string {
  return privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
}
