import { CreateKeyCommand, KMSClient, type KeySpec } from '@aws-sdk/client-kms';
import { KmsSigner } from '../../lib/signers/kms/kms-signer.ts';
import { startLocalKms, type LocalKms } from '../../lib/local-kms/start.ts';
import { LocalKeySigner } from '../../lib/signers/local-key-signer.ts';
import type { Signer } from '../../lib/signers/signer.ts';
import { keyPair, privateKeyPem, type KeyName } from '../signers/key-pairs.ts';

const keySpecs: Readonly<Record<KeyName, KeySpec>> = {
  'P-256': 'ECC_NIST_P256',
  'P-384': 'ECC_NIST_P384',
  'P-521': 'ECC_NIST_P521',
  'RSA-2048': 'RSA_2048',
  'RSA-3072': 'RSA_3072',
  'RSA-4096': 'RSA_4096',
};

export function localSigner(name: KeyName): LocalKeySigner {
  return new LocalKeySigner({ key: privateKeyPem(keyPair(name)) });
}

export type SignerPlace = 'LocalKeySigner' | 'KmsSigner over the local KMS';

/** Gives signers of each kind of key to the tests of the `describe` it is called in; a local KMS is started for those of KMS. */
export function signersAt(place: SignerPlace): (name: KeyName) => Promise<Signer> {
  if (place === 'LocalKeySigner') return (name) => Promise.resolve(localSigner(name));
  let kms: LocalKms | undefined;
  let client: KMSClient | undefined;
  const opened = new Map<KeyName, KmsSigner>();
  before(async () => {
    kms = await startLocalKms();
    client = new KMSClient(kms.clientOptions);
  });
  after(async () => {
    client?.destroy();
    await kms?.close();
  });
  return async (name) => {
    if (client === undefined) throw new Error('the local KMS is not running');
    const signer = opened.get(name) ?? (await makeKmsSigner(client, keySpecs[name]));
    opened.set(name, signer);
    return signer;
  };
}

async function makeKmsSigner(client: KMSClient, keySpec: KeySpec): Promise<KmsSigner> {
  const { KeyMetadata: key } = await client.send(
    new CreateKeyCommand({ KeySpec: keySpec, KeyUsage: 'SIGN_VERIFY' }),
  );
  return KmsSigner.open({ keyId: key?.Arn ?? '', client });
}
