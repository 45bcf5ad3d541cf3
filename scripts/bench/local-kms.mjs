// The local KMS of one run, with a P-256 key in it.
import { CreateKeyCommand, GetPublicKeyCommand, KMSClient } from '@aws-sdk/client-kms';
import { startLocalKms } from '../../dist/lib/local-kms/start.js';
import { pin } from './pinning.mjs';

export class BenchKms {
  #kms;

  constructor(kms) {
    this.#kms = kms;
  }

  /** It shares the load's core: what KMS costs is AWS's to pay, and not the server's. */
  static async start(core) {
    const kms = await startLocalKms();
    pin(core, kms.pid);
    return new BenchKms(kms);
  }

  async createKey() {
    const { endpoint, region, credentials } = this.#kms;
    const client = new KMSClient(this.#kms.clientOptions);
    try {
      const created = await client.send(
        new CreateKeyCommand({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY' }),
      );
      const keyId = created.KeyMetadata.Arn;
      const { PublicKey: publicKey } = await client.send(new GetPublicKeyCommand({ KeyId: keyId }));
      return { keyId, publicKey, endpoint, region, credentials };
    } finally {
      client.destroy();
    }
  }

  async close() {
    await this.#kms.close();
  }
}
