import { createCipheriv, createDecipheriv, generateKeyPair, randomBytes, type KeyObject } from 'node:crypto';
import { promisify } from 'node:util';

export type WrappingKeySpec = 'RSA_2048' | 'RSA_3072' | 'RSA_4096';

/** What an import token says, sealed so that only this process reads it. */
export interface ImportToken {
  readonly keyId: string;
  readonly wrappingAlgorithm: string;
  readonly wrappingKeySpec: WrappingKeySpec;
  /** Epoch milliseconds. */
  readonly validTo: number;
}

/** How long KMS takes a token and its wrapping key. */
const lifetime = 24 * 60 * 60 * 1000;

const [nonceLength, tagLength] = [12, 16];

/**
 * The wrapping keys and import tokens of one process: a token of before a restart is invalid, as any other that KMS does not know. There is
 * one wrapping key of each size, made when it is first asked for, where KMS makes one each time: a large RSA key takes seconds.
 */
export class ImportTokens {
  readonly #now: () => number;
  readonly #sealingKey = randomBytes(32);
  readonly #wrappingKeys = new Map<
    WrappingKeySpec,
    Promise<{ publicKey: KeyObject; privateKey: KeyObject }>
  >();

  constructor(now: () => number) {
    this.#now = now;
  }

  /** @returns the wrapping key as DER SubjectPublicKeyInfo, and the token that belongs to it. */
  async issue(
    facts: Pick<ImportToken, 'keyId' | 'wrappingAlgorithm' | 'wrappingKeySpec'>,
  ): Promise<{ publicKey: Buffer; token: Buffer; validTo: number }> {
    const validTo = this.#now() + lifetime;
    const { publicKey } = await this.#wrappingKey(facts.wrappingKeySpec);
    const token = this.#seal(JSON.stringify({ ...facts, validTo } satisfies ImportToken));
    return { publicKey: publicKey.export({ format: 'der', type: 'spki' }), token, validTo };
  }

  /** What a token says; undefined when it is none of this process. */
  read(token: Uint8Array): ImportToken | undefined {
    const nonce = token.subarray(0, nonceLength);
    const tag = token.subarray(nonceLength, nonceLength + tagLength);
    if (tag.length < tagLength) return undefined;
    try {
      const opening = createDecipheriv('aes-256-gcm', this.#sealingKey, nonce).setAuthTag(tag);
      const text = Buffer.concat([opening.update(token.subarray(nonceLength + tagLength)), opening.final()]);
      return JSON.parse(text.toString()) as ImportToken; // as `issue` wrote it
    } catch {
      return undefined;
    }
  }

  async privateKey({ wrappingKeySpec }: ImportToken): Promise<KeyObject> {
    return (await this.#wrappingKey(wrappingKeySpec)).privateKey;
  }

  #wrappingKey(spec: WrappingKeySpec): Promise<{ publicKey: KeyObject; privateKey: KeyObject }> {
    let pair = this.#wrappingKeys.get(spec);
    if (pair === undefined) {
      pair = promisify(generateKeyPair)('rsa', { modulusLength: Number(spec.slice('RSA_'.length)) });
      this.#wrappingKeys.set(spec, pair);
    }
    return pair;
  }

  #seal(text: string): Buffer {
    const nonce = randomBytes(nonceLength);
    const sealing = createCipheriv('aes-256-gcm', this.#sealingKey, nonce);
    const sealed = Buffer.concat([sealing.update(text), sealing.final()]);
    return Buffer.concat([nonce, sealing.getAuthTag(), sealed]);
  }
}
