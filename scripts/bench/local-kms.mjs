// The local KMS of one run, with keys in it.
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

  /** Every Sign takes so many milliseconds from now on, beside its own work; 0: none. */
  async delaySigning(milliseconds) {
    await this.#kms.behave();
    if (milliseconds > 0) await this.#kms.misbehave({ kind: 'latency', milliseconds });
  }

  /** So many requests for a signature are refused from now on, and the ones after them are not. */
  async throttle(count) {
    await this.#kms.misbehave({ kind: 'throttle', count });
  }

  /** @param {string} spec as KMS names it */
  async createKey(spec) {
    const { endpoint, region, credentials } = this.#kms;
    const client = new KMSClient(this.#kms.clientOptions);
    try {
      const created = await client.send(new CreateKeyCommand({ KeySpec: spec, KeyUsage: 'SIGN_VERIFY' }));
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
