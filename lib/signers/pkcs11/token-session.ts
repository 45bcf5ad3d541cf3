import type * as pkcs11js from 'pkcs11js';
import { peerPackage } from '../peer-package.ts';
import { LoginGate } from './login-gate.ts';
import type { KeyPlace, OpenedKey, PublicAttributes, SignRequest } from './messages.ts';
import { explainReturned, lostSession, Pkcs11Error } from './pkcs11-error.ts';

type Library = typeof pkcs11js;
type Handle = pkcs11js.Handle;

/** Longest signature: RSA of 4096 bits. */
const longestSignature = 512;

/** One session with a token, and a private key in it. Every call blocks the thread: this is for workers. */
export class TokenSession {
  readonly #library: Library;
  readonly #module: pkcs11js.PKCS11;
  readonly #place: KeyPlace;
  readonly #gate: LoginGate;
  #session: Handle | undefined;
  #key: Handle | undefined;
  /** The key's CKA_ALWAYS_AUTHENTICATE: each signature needs a login of its own (PKCS#11 v3.1 §4.9). */
  #loginForEach = false;

  private constructor(library: Library, module: pkcs11js.PKCS11, place: KeyPlace) {
    this.#library = library;
    this.#module = module;
    this.#place = place;
    this.#gate = new LoginGate(place.login);
  }

  /** @throws Pkcs11Error; S2nPkeyError `ERR_S2N_PKEY_PEER_PACKAGE`. */
  static async open(place: KeyPlace): Promise<{ session: TokenSession; key: OpenedKey }> {
    const loaded = await peerPackage('pkcs11js', () => import('pkcs11js'));
    const library = (loaded as { default?: Library }).default ?? loaded; // It is CommonJS.
    const module = new library.PKCS11();
    try {
      module.load(place.module);
    } catch (cause) {
      throw new Pkcs11Error(
        'MODULE',
        `the PKCS#11 module ${place.module} cannot be loaded (${messageOf(cause)}): give the path of the library that came with the device`,
        { cause },
      );
    }
    const session = new TokenSession(library, module, place);
    session.#begin();
    return { session, key: session.#describe() };
  }

  /** @throws Pkcs11Error */
  sign(request: SignRequest): Uint8Array {
    try {
      return this.#sign(request);
    } catch (error) {
      if (!(error instanceof Pkcs11Error) || !lostSession.has(error.returned ?? '')) throw error;
      this.close();
      this.#begin(); // Once. What it throws is the better reason.
      return this.#sign(request);
    }
  }

  /** Other sessions of this process, and its login, stay. */
  close(): void {
    const session = this.#session;
    this.#session = this.#key = undefined;
    try {
      if (session !== undefined) this.#module.C_CloseSession(session);
    } catch {
      // It was lost, or the device with it.
    }
  }

  #sign({ mechanism, hash, input }: SignRequest): Uint8Array {
    const { CKM_ECDSA, CKM_RSA_PKCS, CKM_RSA_PKCS_PSS } = this.#library;
    const code = { CKM_ECDSA, CKM_RSA_PKCS, CKM_RSA_PKCS_PSS }[mechanism];
    const parameter = mechanism === 'CKM_RSA_PKCS_PSS' ? { parameter: this.#pssParameters(hash) } : {};
    const session = this.#session;
    const key = this.#key;
    if (session === undefined || key === undefined) {
      throw explainReturned('CKR_SESSION_CLOSED', 'C_SignInit');
    }
    call('C_SignInit', () => this.#module.C_SignInit(session, { mechanism: code, ...parameter }, key));
    if (this.#loginForEach) this.#loginForSignature(session);
    const answer = Buffer.alloc(longestSignature);
    return Uint8Array.from(call('C_Sign', () => this.#module.C_Sign(session, Buffer.from(input), answer)));
  }

  /** Between C_SignInit and C_Sign. When it fails, the session goes: it is in the middle of a signature. */
  #loginForSignature(session: Handle): void {
    try {
      this.#login(session, this.#place.pin ?? '', this.#library.CKU_CONTEXT_SPECIFIC);
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** A salt as long as the digest (RFC 8446 §4.2.3). */
  #pssParameters(hash: SignRequest['hash']): pkcs11js.RsaPSS {
    const library = this.#library;
    const [hashAlg, mgf, saltLen] = {
      sha256: [library.CKM_SHA256, library.CKG_MGF1_SHA256, 32] as const,
      sha384: [library.CKM_SHA384, library.CKG_MGF1_SHA384, 48] as const,
      sha512: [library.CKM_SHA512, library.CKG_MGF1_SHA512, 64] as const,
    }[hash];
    return { type: library.CK_PARAMS_RSA_PSS, hashAlg, mgf, saltLen };
  }

  /** A session, logged in, and the key. */
  #begin(): void {
    const { CKF_OS_LOCKING_OK, CKF_SERIAL_SESSION, CKU_USER } = this.#library;
    tolerate('CKR_CRYPTOKI_ALREADY_INITIALIZED', 'C_Initialize', () =>
      this.#module.C_Initialize({ flags: CKF_OS_LOCKING_OK }),
    );
    const slot = this.#findSlot();
    const session = call('C_OpenSession', () => this.#module.C_OpenSession(slot, CKF_SERIAL_SESSION));
    this.#session = session;
    const { pin } = this.#place;
    if (pin !== undefined) {
      this.#login(session, pin, CKU_USER);
    }
    const key = this.#findKey(session);
    this.#loginForEach = this.#attribute(session, key, this.#library.CKA_ALWAYS_AUTHENTICATE)?.[0] === 1;
    if (this.#loginForEach && pin === undefined) {
      throw new Pkcs11Error(
        'PIN',
        'the key wants the PIN for each signature (CKA_ALWAYS_AUTHENTICATE): give it (pin, or the variable S2N_PKEY_PKCS11_PIN)',
      );
    }
    this.#key = key;
  }

  /** @throws Pkcs11Error `ERR_S2N_PKEY_PKCS11_PIN`, also when the PIN was refused before: it is not tried again. */
  #login(session: Handle, pin: string, user: number): void {
    let refusal: unknown;
    const tried = this.#gate.pass(() => {
      try {
        // Another session of this process may have logged in.
        tolerate('CKR_USER_ALREADY_LOGGED_IN', 'C_Login', () => this.#module.C_Login(session, user, pin));
      } catch (error) {
        refusal = error;
      }
      return !(refusal instanceof Pkcs11Error && refusal.code === 'ERR_S2N_PKEY_PKCS11_PIN');
    });
    if (!tried) throw explainReturned('CKR_PIN_INCORRECT', 'C_Login');
    if (refusal !== undefined) throw refusal as Error;
  }

  #findSlot(): Handle {
    const { slot: wanted, tokenLabel } = this.#place;
    const slots = call('C_GetSlotList', () => this.#module.C_GetSlotList(true));
    const found = slots.filter((slot) => {
      if (wanted !== undefined) return numberOf(slot) === wanted;
      const { label, flags } = call('C_GetTokenInfo', () => this.#module.C_GetTokenInfo(slot));
      // SoftHSM always shows one more, which is yet to be initialized.
      const initialized = (flags & this.#library.CKF_TOKEN_INITIALIZED) !== 0;
      return tokenLabel === undefined ? initialized : label.trimEnd() === tokenLabel;
    });
    const [slot, ...others] = found;
    const labels = slots.map((one) => `'${this.#labelOf(one)}' (slot ${numberOf(one)})`).join(', ') || 'none';
    if (slot === undefined) throw new Pkcs11Error('TOKEN', `there is no such token; there are: ${labels}`);
    if (others.length > 0) {
      throw new Pkcs11Error('TOKEN', `there are several tokens: name one by tokenLabel or slot: ${labels}`);
    }
    return slot;
  }

  #labelOf(slot: Handle): string {
    return call('C_GetTokenInfo', () => this.#module.C_GetTokenInfo(slot)).label.trimEnd();
  }

  #findKey(session: Handle): Handle {
    const found = this.#find(session, this.#library.CKO_PRIVATE_KEY);
    const { label, id } = this.#place;
    const name = [
      ...(label === undefined ? [] : [`the label '${label}'`]),
      ...(id === undefined ? [] : [`the id ${Buffer.from(id).toString('hex')}`]),
    ].join(' and ');
    const [key, ...others] = found;
    if (key === undefined) {
      const hint = this.#place.pin === undefined ? ' Private keys are seen after a login: give the pin.' : '';
      throw new Pkcs11Error('KEY', `the token has no private key with ${name}.${hint}`);
    }
    if (others.length > 0) {
      throw new Pkcs11Error(
        'KEY',
        `the token has ${found.length} private keys with ${name}: give label and id`,
      );
    }
    return key;
  }

  #find(session: Handle, kind: number): Handle[] {
    const { CKA_CLASS, CKA_ID, CKA_LABEL } = this.#library;
    const { label, id } = this.#place;
    const template = [
      { type: CKA_CLASS, value: kind },
      ...(label === undefined ? [] : [{ type: CKA_LABEL, value: label }]),
      ...(id === undefined ? [] : [{ type: CKA_ID, value: Buffer.from(id) }]),
    ];
    call('C_FindObjectsInit', () => this.#module.C_FindObjectsInit(session, template));
    try {
      return call('C_FindObjects', () => this.#module.C_FindObjects(session, 10));
    } finally {
      this.#module.C_FindObjectsFinal(session);
    }
  }

  #describe(): OpenedKey {
    const session = this.#session;
    const key = this.#key;
    if (session === undefined || key === undefined) throw new TypeError('there is no session');
    const library = this.#library;
    const names = ['CKM_ECDSA', 'CKM_RSA_PKCS', 'CKM_RSA_PKCS_PSS'] as const;
    const known = new Set(
      call('C_GetMechanismList', () => this.#module.C_GetMechanismList(this.#findSlot())),
    );
    return {
      publicAttributes: this.#publicAttributes(session, key),
      mechanisms: names.filter((name) => known.has(library[name])),
    };
  }

  #publicAttributes(session: Handle, key: Handle): PublicAttributes {
    const library = this.#library;
    const type = numberOf(this.#attribute(session, key, library.CKA_KEY_TYPE) ?? Buffer.alloc(8, 0xff));
    const [publicKey = key] = this.#find(session, library.CKO_PUBLIC_KEY);
    const get = (attribute: number): Buffer | undefined =>
      this.#attribute(session, publicKey, attribute) ?? this.#attribute(session, key, attribute);
    if (type === library.CKK_EC) {
      const params = get(library.CKA_EC_PARAMS);
      const point = get(library.CKA_EC_POINT);
      return params === undefined ? { type: 'other' } : { type: 'ec', params, point };
    }
    const modulus = get(library.CKA_MODULUS);
    const exponent = get(library.CKA_PUBLIC_EXPONENT);
    return type === library.CKK_RSA && modulus !== undefined && exponent !== undefined
      ? { type: 'rsa', modulus, exponent }
      : { type: 'other' };
  }

  #attribute(session: Handle, object: Handle, type: number): Buffer | undefined {
    try {
      const value = this.#module.C_GetAttributeValue(session, object, [{ type }])[0]?.value;
      return value === undefined || value.length === 0 ? undefined : value;
    } catch {
      return undefined; // CKR_ATTRIBUTE_TYPE_INVALID: this object has none.
    }
  }
}

/** CK_ULONG, in the machine's order. */
function numberOf(value: Buffer): number {
  return value.length >= 8 ? Number(value.readBigUInt64LE(0)) : value.readUInt32LE(0);
}

function call<T>(operation: string, act: () => T): T {
  try {
    return act();
  } catch (cause) {
    const [returned] = /CKR_\w+/.exec(messageOf(cause)) ?? [];
    if (returned !== undefined) throw explainReturned(returned, operation);
    throw new Pkcs11Error('FAILED', `${operation} failed: ${messageOf(cause)}`, { operation, cause });
  }
}

function tolerate(returned: string, operation: string, act: () => void): void {
  try {
    call(operation, act);
  } catch (error) {
    if (!(error instanceof Pkcs11Error) || error.returned !== returned) throw error;
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
