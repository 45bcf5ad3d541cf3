import {
  createCipheriv,
  createDecipheriv,
  createPublicKey,
  diffieHellman,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { deriveBytes } from './derive-bytes.ts';

/**
 * Node passes messages with `cmd: 'NODE_…'` to no `'message'` listener of the application, and ignores those it does not know, in a
 * primary that has not loaded this package, too.
 */
export const command = 'NODE_S2N_PKEY_TICKET_SECRETS';

/** What the processes of a cluster say to each other about the secrets of ticket keys. */
export interface Message {
  readonly cmd: typeof command;
  /** From a worker. */
  readonly question?: Question;
  /** From the primary. */
  readonly answer?: Answer;
  /** From the primary: it has this source from now on. */
  readonly has?: string;
}

export interface Question {
  readonly number: number;
  /** Of the source. */
  readonly name: string;
  readonly begin: number;
  readonly seconds: number;
  readonly end: number;
  /** In base64. */
  readonly label: string;
  /** The public key that the answer is sealed for, in base64. */
  readonly key: string;
}

export interface Answer {
  readonly number: number;
  /** Alone: the primary asks its source, and answers again; or, if false, it has none. */
  readonly hasSource: boolean;
  readonly sealed?: Sealed;
  readonly time?: number | undefined;
  readonly error?: { readonly message: string; readonly code: string | undefined };
}

export interface Sealed {
  readonly key: string;
  readonly text: string;
  readonly tag: string;
}

export function isMessage(message: unknown): message is Message {
  return (Object(message) as { cmd?: unknown }).cmd === command;
}

const info = Buffer.from('s2n-pkey ticket secret of a cluster');
/** The key is used once. */
const nonce = Buffer.alloc(12);
const cipher = 'aes-256-gcm';

/**
 * A message of a cluster is text, which stays in memory until it happens to be overwritten. So a secret is sealed: what stays is no secret
 * once the keys are gone, with the answer.
 */
export function sealedFor(publicKey: string, secret: Uint8Array): Sealed {
  const keys = generateKeyPairSync('x25519');
  const key = keyOf(keys.privateKey, publicKey);
  const sealing = createCipheriv(cipher, key, nonce);
  key.fill(0);
  const text = Buffer.concat([sealing.update(secret), sealing.final()]);
  return {
    key: textOf(keys.publicKey),
    text: text.toString('base64'),
    tag: sealing.getAuthTag().toString('base64'),
  };
}

/** What opens one answer. */
export class SealedAnswer {
  readonly #keys = generateKeyPairSync('x25519');
  readonly publicKey = textOf(this.#keys.publicKey);

  open({ key: publicKey, text, tag }: Sealed): Uint8Array {
    const key = keyOf(this.#keys.privateKey, publicKey);
    const opening = createDecipheriv(cipher, key, nonce);
    key.fill(0);
    opening.setAuthTag(Buffer.from(tag, 'base64'));
    const secret = opening.update(Buffer.from(text, 'base64'));
    opening.final();
    return secret;
  }
}

function keyOf(privateKey: KeyObject, publicKey: string): Uint8Array {
  const other = createPublicKey({ key: Buffer.from(publicKey, 'base64'), format: 'der', type: 'spki' });
  const common = diffieHellman({ privateKey, publicKey: other });
  const key = deriveBytes(common, new Uint8Array(), info, 32);
  common.fill(0);
  return key;
}

function textOf(publicKey: KeyObject): string {
  return publicKey.export({ format: 'der', type: 'spki' }).toString('base64');
}
