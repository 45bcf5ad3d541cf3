import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import { Given, S2nPkeyError, SignerError } from '../errors.ts';
import { text } from '../options/kinds.ts';
import { readOptionsObject, refusal, type Option, type SchemaOf } from '../options/option.ts';
import { pemText } from '../pem/pem-text.ts';
import { addon } from '../native/addon.ts';
import type { NativeLocalKey } from '../native/binding.ts';
import { reasonToFallBack } from '../native/development-fallback.ts';
import { abortedError } from './aborted-error.ts';
import { checkOperation } from './operation-check.ts';
import { usableKeysWithMlDsa } from './curves.ts';
import { readPublicKey } from './public-key.ts';
import { kindOfKey, schemesOfKey } from './schemes-of-key.ts';
import type { SignatureScheme } from './signature-scheme.ts';
import type { PrivateKeyOperation, Signer, SignOptions } from './signer.ts';

export interface LocalKeySignerOptions {
  /** PEM: PKCS#8 (plain or encrypted), PKCS#1 or SEC 1. RSA of 2048 to 4096 bits, P-256, P-384, P-521 or ML-DSA. */
  readonly key: string | Uint8Array;
  /** Of an encrypted key. */
  readonly passphrase?: string;
}

const keyOption: Option<string> = {
  type: 'string | Uint8Array',
  expected: 'a private key as PEM, a string or Buffer with "-----BEGIN … PRIVATE KEY-----"',
  isRequired: true,
  isSecret: true,
  fits: (value) => pemText(value)?.includes('-----BEGIN ') ?? false,
  read: (_name, value) => asAwsLcReads(pemText(value) ?? ''),
};

export const localKeySchema = {
  key: keyOption,
  passphrase: text({ expected: 'a string' }),
} satisfies SchemaOf<LocalKeySignerOptions>;

/**
 * A private key in this process's memory, signed with by AWS-LC. For development, for migration, and for comparison with a
 * key that is elsewhere: it does **not** keep the key out of the process. A server given one signs on the engine's
 * thread, without the event loop.
 */
export class LocalKeySigner implements Signer {
  readonly publicKey: KeyObject;
  readonly schemes: readonly SignatureScheme[];
  #nativeKey: NativeLocalKey | undefined;
  readonly #developmentKey: KeyText | undefined;

  /**
   * @throws InvalidOptionError for options of the wrong type, or a key of a kind that TLS cannot use.
   * @throws S2nPkeyError `ERR_S2N_PKEY_KEY_INVALID` when the PEM has no usable private key; `ERR_S2N_PKEY_PASSPHRASE` when it is
   *   encrypted and the passphrase is missing or wrong; `ERR_S2N_PKEY_ML_DSA_UNREADABLE` for an ML-DSA key that this Node cannot
   *   read.
   */
  constructor(options: LocalKeySignerOptions) {
    const { key: pem, passphrase } = readOptionsObject(localKeySchema, options, 'an object with a key');
    const key = { pem, ...(passphrase === undefined ? {} : { passphrase }) };
    this.#developmentKey = reasonToFallBack() === undefined ? undefined : key;
    this.publicKey = this.#developmentKey ? publicKeyOf(key) : this.#load(key);
    const kind = kindOfKey(this.publicKey);
    if (kind === undefined) {
      const given = new Given(`a key of type ${this.publicKey.asymmetricKeyType}`);
      throw refusal('key', localKeySchema.key, given, usableKeysWithMlDsa);
    }
    this.schemes = schemesOfKey(kind);
  }

  #load({ pem, passphrase }: KeyText): KeyObject {
    const key = new (addon().LocalKey)(pem, passphrase);
    this.#nativeKey = key;
    return readPublicKey(key.publicKey());
  }

  /**
   * @internal The key itself, for `lib/tls`, which hands it to the engine so that it signs on the engine's own thread.
   *
   * @throws S2nPkeyError as `addon()`, where node:tls serves in development.
   */
  get nativeKey(): NativeLocalKey {
    return this.#nativeKey ?? new (addon().LocalKey)('');
  }

  /** @internal For node:tls in development, where there is no addon (`S2N_PKEY_DEVELOPMENT_FALLBACK`); undefined elsewhere. */
  get developmentKey(): KeyText | undefined {
    return this.#developmentKey;
  }

  /** As in `Signer`. It blocks the event loop for the time of one signature. */
  async sign(operation: PrivateKeyOperation, { signal }: SignOptions = {}): Promise<Uint8Array> {
    if (signal?.aborted) throw abortedError(signal);
    const facts = checkOperation(operation, this.schemes);
    const { nativeKey } = this;
    try {
      return nativeKey.sign(facts.code, operation.input);
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new SignerError(`the local key could not sign under ${facts.name}: ${reason}`, { cause });
    }
  }
}

/** A private key as it was given. */
interface KeyText {
  readonly pem: string;
  readonly passphrase?: string;
}

/** The public key, by Node's own crypto. */
function publicKeyOf({ pem, passphrase }: KeyText): KeyObject {
  try {
    return createPublicKey(
      createPrivateKey({ key: pem, ...(passphrase === undefined ? {} : { passphrase }) }),
    );
  } catch (cause) {
    const isEncrypted = pem.includes('ENCRYPTED');
    throw new S2nPkeyError(
      isEncrypted ? 'ERR_S2N_PKEY_PASSPHRASE' : 'ERR_S2N_PKEY_KEY_INVALID',
      isEncrypted
        ? 'passphrase: expected the passphrase of the encrypted key; given none, or another'
        : `key: expected ${usableKeysWithMlDsa}, as PEM; given a text that Node cannot read as a private key`,
      { cause },
    );
  }
}

/** AWS-LC finds a block only where a line begins with it, and reads lines of up to 76 characters. */
function asAwsLcReads(text: string): string {
  const unusual = /^[ \t]+-----|-----[ \t]*-----BEGIN |[A-Za-z0-9+/=]{77}/m;
  if (!unusual.test(text)) return text;
  return text
    .replace(/^[ \t]+/gm, '')
    .replace(/-----[ \t]*-----BEGIN /g, '-----\n-----BEGIN ')
    .replace(/[A-Za-z0-9+/=]{64}(?=[A-Za-z0-9+/=])/g, '$&\n');
}
