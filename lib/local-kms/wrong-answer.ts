import { generateMaterial, loadMaterial, type KeyMaterial } from './store/key-material.ts';
import type { StoredKey } from './store/key-store.ts';
import { findKey, type Answer, type Kms, type Operation } from './operations/operation.ts';

/** Answers that look right and are not, for tests of callers that must notice. */

/** The request with another message of the same length, so that the answer fits its shape and nothing else. */
export function withOtherMessage(request: unknown): unknown {
  if (typeof request !== 'object' || request === null || !('Message' in request)) return request;
  if (typeof request.Message !== 'string') return request;
  const message = Buffer.from(request.Message, 'base64').map((byte) => byte ^ 0xff);
  return { ...request, Message: Buffer.from(message).toString('base64') };
}

/** Has operations done with other keys than they name. */
export class OtherKeys {
  // One for each key spec: making an RSA key takes long.
  readonly #materials = new Map<string, Promise<KeyMaterial>>();

  /** Runs the operation as if the key it names had the material of another key of the same spec. */
  async run(operation: Operation, request: unknown, kms: Kms): Promise<Answer> {
    if (typeof request !== 'object' || request === null || !('KeyId' in request))
      return operation.run(request, kms);
    if (typeof request.KeyId !== 'string') return operation.run(request, kms);
    const key = findKey(kms, request.KeyId, operation.name, true);
    const material = await this.#materialFor(key);
    return operation.run(
      { ...request, KeyId: key.record.keyId },
      { ...kms, key: () => ({ ...key, material }) },
    );
  }

  #materialFor(key: StoredKey): Promise<KeyMaterial> {
    const { keySpec } = key.record;
    let material = this.#materials.get(keySpec);
    if (material === undefined) {
      material = generateMaterial(key.facts).then((stored) => loadMaterial(stored, key.facts));
      this.#materials.set(keySpec, material);
    }
    return material;
  }
}
