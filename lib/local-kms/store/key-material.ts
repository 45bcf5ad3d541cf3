import {
  createHmac,
  createSecretKey,
  generateKeyPair,
  hash,
  randomBytes,
  timingSafeEqual,
  type KeyObject,
} from 'node:crypto';
import { promisify } from 'node:util';
import { addon } from '../../native/addon.ts';
import type { NativeLocalKey } from '../../native/binding.ts';
import { messageRepresentative } from '../../signers/ml-dsa.ts';
import { signatureSchemeByName, type SignatureSchemeFacts } from '../../signers/signature-scheme.ts';
import type { HmacKeySpec, KeySpecFacts, MlDsaKeySpec } from './key-spec.ts';

/** Key material as it lies on disk: an unencrypted PKCS#8 PEM, or the bytes of an HMAC key in base64. */
export type StoredMaterial =
  { readonly type: 'pkcs8'; readonly pem: string } | { readonly type: 'hmac'; readonly base64: string };

/** An RSA, elliptic-curve or ML-DSA key pair, in AWS-LC's memory: it signs digests, which Node's own crypto cannot. */
export class AsymmetricKeyMaterial {
  readonly #key: NativeLocalKey;
  /** DER SubjectPublicKeyInfo in base64, as `GetPublicKey` answers it. */
  readonly publicKey: string;

  constructor(pem: string) {
    this.#key = new (addon().LocalKey)(pem);
    this.publicKey = Buffer.from(this.#key.publicKey()).toString('base64');
  }

  /** The µ of a message, which an ML-DSA key signs in its place. */
  messageRepresentative(message: Uint8Array): Buffer {
    return messageRepresentative(Buffer.from(this.publicKey, 'base64'), message);
  }

  /** `digest` is of the scheme's hash and length, or the µ of ML-DSA. RSA-PSS takes a salt as long as the digest. */
  sign(scheme: SignatureSchemeFacts, digest: Uint8Array): Uint8Array {
    return this.#key.sign(scheme.code, digest);
  }

  verify(scheme: SignatureSchemeFacts, digest: Uint8Array, signature: Uint8Array): boolean {
    return this.#key.verify(scheme.code, digest, signature);
  }
}

/** An HMAC key. */
export class HmacKeyMaterial {
  readonly #key: KeyObject;
  readonly #hash: string;

  constructor(base64: string, facts: HmacKeySpec) {
    this.#key = createSecretKey(base64, 'base64');
    this.#hash = facts.hash;
  }

  mac(message: Uint8Array): Buffer {
    return createHmac(this.#hash, this.#key).update(message).digest();
  }

  verify(message: Uint8Array, mac: Uint8Array): boolean {
    const expected = this.mac(message);
    return mac.length === expected.length && timingSafeEqual(mac, expected);
  }
}

export type KeyMaterial = AsymmetricKeyMaterial | HmacKeyMaterial;

/** Makes new key material. RSA takes up to seconds; it is done on a thread of Node's pool. */
export async function generateMaterial(facts: KeySpecFacts): Promise<StoredMaterial> {
  if (facts.kind === 'hmac') return { type: 'hmac', base64: randomBytes(facts.length).toString('base64') };
  if (facts.kind === 'ml-dsa') return { type: 'pkcs8', pem: generateMlDsa(facts) };
  const { privateKey } =
    facts.kind === 'rsa'
      ? await promisify(generateKeyPair)('rsa', { modulusLength: facts.modulusLength })
      : await promisify(generateKeyPair)('ec', { namedCurve: facts.namedCurve });
  return { type: 'pkcs8', pem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString() };
}

/** By AWS-LC: Node 20 and 22 make no such keys. */
function generateMlDsa({ scheme }: MlDsaKeySpec): string {
  const code = signatureSchemeByName(scheme)?.code ?? 0;
  const base64 = Buffer.from(addon().LocalKey.generateMlDsa(code)).toString('base64');
  const lines = base64.replace(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN PRIVATE KEY-----\n${lines}\n-----END PRIVATE KEY-----\n`;
}

/** Key material ready for use. Throws when it is not of the key spec. */
export function loadMaterial(stored: StoredMaterial, facts: KeySpecFacts): KeyMaterial {
  if (stored.type === 'hmac' && facts.kind === 'hmac') return new HmacKeyMaterial(stored.base64, facts);
  if (stored.type === 'pkcs8' && facts.kind !== 'hmac') return new AsymmetricKeyMaterial(stored.pem);
  throw new TypeError(`key material of type ${stored.type} does not fit a key of kind ${facts.kind}`);
}

/** The digest of a message by Node's name of the hash. */
export function digestOf(algorithm: string, message: Uint8Array): Buffer {
  return hash(algorithm, message, 'buffer');
}
