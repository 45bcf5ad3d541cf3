/**
 * Keys in a hardware security module, a smart card or another device with a PKCS#11 module.
 *
 * @module s2n-pkey/pkcs11
 */
import { createPublicKey, type KeyObject } from 'node:crypto';
import { Given, InvalidOptionError } from '../../errors.ts';
import { readChain } from '../../pem/certificates.ts';
import { pemBlock, pemBlocks } from '../../pem/pem-blocks.ts';
import { pemText } from '../../pem/pem-text.ts';
import { closedError } from '../closed-error.ts';
import { curveOfKind, usableKeys } from '../curves.ts';
import { anything, requiredText, text, wholeNumber } from '../../options/kinds.ts';
import { readOptionsObject, refusal, type Option, type SchemaOf } from '../../options/option.ts';
import { timeoutOption, withDeadline } from '../deadline.ts';
import { digestInfo } from '../digest-info.ts';
import { derOfRawEcdsa } from '../ecdsa-signature.ts';
import { fitEcdsaDigest } from '../ecdsa-digest.ts';
import { checkOperation } from '../operation-check.ts';
import { kindOfKey, schemesOfKey, type KeyKind } from '../schemes-of-key.ts';
import {
  signatureSchemeByName,
  type SignatureScheme,
  type SignatureSchemeFacts,
} from '../signature-scheme.ts';
import type { PrivateKeyOperation, Signer, SignOptions } from '../signer.ts';
import { LoginGate } from './login-gate.ts';
import type { KeyPlace, SignRequest } from './messages.ts';
import { Pkcs11Error } from './pkcs11-error.ts';
import { SessionPool } from './session-pool.ts';
import { publicKeyOf } from './token-public-key.ts';

export { Pkcs11Error, type Pkcs11Fault } from './pkcs11-error.ts';

export interface Pkcs11SignerOptions {
  /** Path of the PKCS#11 module: the shared library that came with the device. */
  readonly module: string;
  /** The token, by its label; or the slot that it is in. Neither is needed when there is but one. */
  readonly tokenLabel?: string;
  readonly slot?: number;
  /** The private key, by its CKA_LABEL, its CKA_ID, or both. */
  readonly label?: string;
  /** Bytes, or hexadecimal digits. */
  readonly id?: string | Uint8Array;
  /** The user's PIN, or what gives it; `S2N_PKEY_PKCS11_PIN` of the environment unless given. */
  readonly pin?: string | (() => string | Promise<string>);
  /** PEM of the public key or of its certificate, where the token has no public key object. */
  readonly publicKey?: string;
  /** Sessions at most, each with a thread: signatures under way at once; 4 unless given. */
  readonly sessions?: number;
  /** Milliseconds for one signature, its wait for a session included; 5,000 unless given. */
  readonly timeout?: number;
}

/** Read as bytes of its own. */
const idOption: Option<Uint8Array | undefined> = {
  ...{ type: 'string | Uint8Array', expected: 'bytes, or an even number of hexadecimal digits' },
  isSecret: false,
  fits: (value) =>
    value instanceof Uint8Array
      ? value.length > 0
      : typeof value === 'string' && /^([0-9a-f]{2})+$/i.test(value),
  read: (_name, value) =>
    Uint8Array.from(value instanceof Uint8Array ? value : Buffer.from(String(value), 'hex')),
};

export const pkcs11Schema = {
  module: requiredText({
    expected: 'the path of a PKCS#11 module, such as /usr/lib/softhsm/libsofthsm2.so',
    pattern: /^./s,
  }),
  tokenLabel: text({ expected: 'a string', isSecret: false }),
  label: text({ expected: 'a string' }),
  id: idOption,
  publicKey: text({ expected: 'a string' }),
  slot: { ...wholeNumber({ least: 0 }), expected: 'the number of a slot, and no tokenLabel beside it' },
  pin: anything<Pkcs11SignerOptions['pin']>({
    type: 'string | Function',
    expected: 'a string, or a function that gives one',
    fits: (value) => typeof value === 'string' || typeof value === 'function',
  }),
  sessions: wholeNumber({ least: 1, most: 64, fallback: 4 }),
  timeout: timeoutOption,
} satisfies SchemaOf<Pkcs11SignerOptions>;

/** Signs with a key in a device, through its PKCS#11 module, on threads of its own. */
export class Pkcs11Signer implements Signer {
  readonly publicKey: KeyObject;
  readonly schemes: readonly SignatureScheme[];
  readonly #name: string;
  readonly #kind: KeyKind;
  readonly #pool: SessionPool;
  readonly #timeout: number;
  #closed = false;

  private constructor(
    key: { publicKey: KeyObject; kind: KeyKind; schemes: readonly SignatureScheme[] },
    pool: SessionPool,
    timeout: number,
    name: string,
  ) {
    this.publicKey = key.publicKey;
    this.schemes = key.schemes;
    this.#kind = key.kind;
    this.#pool = pool;
    this.#timeout = timeout;
    this.#name = name;
  }

  /**
   * Loads the module, opens a session, logs in, and finds the key.
   *
   * @throws InvalidOptionError
   * @throws Pkcs11Error `ERR_S2N_PKEY_PKCS11_MODULE`, `_TOKEN`, `_PIN`, `_KEY`, `_TIMEOUT`, …
   * @throws S2nPkeyError `ERR_S2N_PKEY_PEER_PACKAGE` when pkcs11js is not installed.
   */
  static async open(options: Pkcs11SignerOptions): Promise<Pkcs11Signer> {
    const { place, pin, given, sessions, timeout } = checkOptions(options);
    const name = place.label ?? Buffer.from(place.id ?? []).toString('hex');
    const pool = new SessionPool({ ...place, pin: await readPin(pin) }, sessions);
    try {
      const opened = await withDeadline({ timeout, timedOut: timedOut('the device', name) }, () =>
        pool.open(),
      );
      const publicKey = given ?? publicKeyOf(opened.publicAttributes);
      const kind = kindOfKey(publicKey);
      if (kind === undefined || kind.type === 'ml-dsa') {
        throw new Pkcs11Error('KEY', `the key must be ${usableKeys}`);
      }
      const { mechanisms } = opened;
      const schemes = schemesOfKey(kind).filter((scheme) => {
        const facts = signatureSchemeByName(scheme);
        return facts !== undefined && mechanisms.includes(mechanismOf(facts));
      });
      if (schemes.length === 0) {
        throw new Pkcs11Error(
          'MECHANISM',
          `the token signs no digests with a ${kind.name} key: it has neither CKM_ECDSA, CKM_RSA_PKCS nor CKM_RSA_PKCS_PSS`,
        );
      }
      return new Pkcs11Signer({ publicKey, kind, schemes }, pool, timeout, name);
    } catch (error) {
      pool.close(closedError(name));
      throw error;
    }
  }

  /** As in `Signer`. Rejects with a Pkcs11Error, whose `returned` is what the module returned. */
  async sign(operation: PrivateKeyOperation, { signal }: SignOptions = {}): Promise<Uint8Array> {
    if (this.#closed) throw closedError(this.#name);
    const facts = checkOperation(operation, this.schemes);
    const request = this.#request(facts, operation.input);
    const deadline = { signal, timeout: this.#timeout, timedOut: timedOut('the device', this.#name) };
    const signature = await withDeadline(deadline, (ended) => this.#pool.sign(request, ended));
    return this.#kind.type === 'ec'
      ? derOfRawEcdsa(signature, curveOfKind(this.#kind.name).fieldLength)
      : signature;
  }

  /** Nothing is signed from now on. The sessions are closed; the module stays initialized, since others may use it. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pool.close(closedError(this.#name));
  }

  /** For `using`: as `close`. */
  [Symbol.dispose](): void {
    this.close();
  }

  #request(facts: SignatureSchemeFacts, digest: Uint8Array): SignRequest {
    const { hash = 'sha256' } = facts;
    const mechanism = mechanismOf(facts);
    if (mechanism === 'CKM_ECDSA') {
      return { mechanism, hash, input: fitEcdsaDigest(digest, curveOfKind(this.#kind.name).digestLength) };
    }
    return { mechanism, hash, input: mechanism === 'CKM_RSA_PKCS' ? digestInfo(hash, digest) : digest };
  }
}

function mechanismOf({ algorithm }: SignatureSchemeFacts): SignRequest['mechanism'] {
  if (algorithm === 'ecdsa') return 'CKM_ECDSA';
  return algorithm === 'rsa-pss' ? 'CKM_RSA_PKCS_PSS' : 'CKM_RSA_PKCS';
}

function timedOut(what: string, name: string): (milliseconds: number) => Pkcs11Error {
  return (milliseconds) =>
    new Pkcs11Error(
      'TIMEOUT',
      `${what} did not answer for ${name} within ${milliseconds} ms: it hangs, or has more to sign than it can (sessions)`,
    );
}

async function readPin(pin: Pkcs11SignerOptions['pin']): Promise<string | undefined> {
  const read: unknown = typeof pin === 'function' ? await pin() : (pin ?? process.env['S2N_PKEY_PKCS11_PIN']);
  if (read === undefined || typeof read === 'string') return read;
  throw refusal('pin', pkcs11Schema.pin, read, 'a function that gives a string');
}

function checkOptions(options: Pkcs11SignerOptions): {
  place: KeyPlace;
  pin: Pkcs11SignerOptions['pin'];
  given: KeyObject | undefined;
  sessions: number;
  timeout: number;
} {
  const read = readOptionsObject(pkcs11Schema, options, "an object such as { module, label: 'site' }");
  const { module, tokenLabel, slot, label, id, pin, publicKey, sessions, timeout } = read;
  if (slot !== undefined && tokenLabel !== undefined) {
    throw refusal('slot', pkcs11Schema.slot, slot);
  }
  if (label === undefined && id === undefined) {
    throw refusal('label', pkcs11Schema.label, label, 'the label of a private key, or its id');
  }
  const place = { module, tokenLabel, slot, label, id, pin: undefined, login: LoginGate.memory() };
  return { place, pin, given: readPublicKey(publicKey), sessions, timeout };
}

function readPublicKey(pem: string | undefined): KeyObject | undefined {
  if (pem === undefined) return undefined;
  const expected = 'PEM of a public key or of a certificate';
  const text = pemText(pem);
  if (text === undefined) throw refusal('publicKey', pkcs11Schema.publicKey, pem, expected);
  if (text.includes('PRIVATE KEY-----')) {
    throw new InvalidOptionError('publicKey', expected, new Given('PEM with a private key'));
  }
  try {
    const key = pemBlocks(text).find(({ label }) => label === 'PUBLIC KEY' || label === 'RSA PUBLIC KEY');
    if (key === undefined) return readChain('publicKey', expected, text).certificates[0]?.publicKey;
    return createPublicKey(pemBlock(key.label, key.decode()));
  } catch (cause) {
    if (cause instanceof InvalidOptionError) throw cause;
    throw new InvalidOptionError('publicKey', expected, new Given('PEM that cannot be read'), { cause });
  }
}
