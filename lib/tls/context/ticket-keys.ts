/**
 * The keys that encrypt the session tickets of a server (RFC 5077 §4, RFC 8446 §4.6.1). An attacker who has one can impersonate
 * the server to the clients whose tickets it encrypted, and read their TLS 1.2 sessions. So each key is used for a short time.
 */
import { randomBytes } from 'node:crypto';
import { deriveBytes } from './derive-bytes.ts';

/** As in node:tls: 16 bytes that name the key in a ticket, and 32 bytes of secret. */
export const TICKET_KEY_BYTES = 48;
export const NAME_BYTES = 16;
const SECRET_BYTES = 32;

/** How long a key encrypts at least before the next one does, in seconds. */
const SHORTEST_TURN = 3600;
/** As many as s2n-tls holds in one configuration. */
export const MOST_TICKET_KEYS = 48;
/** A key decrypts as long as its sessions can be resumed. That is at most this many turns, because s2n-tls holds 48 keys. */
const MOST_TURNS_IN_A_SESSION = 8;
/** Ten years in seconds: longer than any server runs. */
const NEVER = 10 * 365 * 24 * 3600;

/** For how many seconds a key encrypts that rotates, where sessions last so long. */
export function turnOf(sessionSeconds: number): number {
  return Math.max(SHORTEST_TURN, Math.ceil(sessionSeconds / MOST_TURNS_IN_A_SESSION));
}

export interface TicketKey {
  /** 48 bytes, as above. */
  readonly bytes: Uint8Array;
  /** When it starts to encrypt, in seconds since 1970. It decrypts before that, too. */
  readonly since: number;
}

/** A source of ticket keys. Times are in seconds since 1970. */
export interface TicketKeys {
  /** How long each key encrypts, in seconds. */
  readonly turn: number;
  /** The keys that decrypt at `now`, the oldest first. One of them encrypts; a later one is ready for the next turn. */
  at(now: number): readonly TicketKey[];
  /** Until when the last result of `at` stays valid, if `version` stays the same. */
  readonly freshUntil: number;
  /** Changes when `at` has another result before that. */
  readonly version: number;
  /** Whether TLS 1.2 has tickets, too. */
  readonly tls12: boolean;
}

/** The key that encrypts at `now`. */
export function encryptingKey(keys: TicketKeys, now: number): TicketKey {
  const key = keys.at(now).findLast(({ since }) => since <= now);
  if (!key) throw new Error('s2n-pkey: there is no ticket key to encrypt with');
  return key;
}

/**
 * Keys that the user manages: shared by several machines, replaced by `setTicketKeys`. The first encrypts, and all decrypt, so
 * that machines can change from one key to the next at different times. They do not rotate.
 */
export class GivenTicketKeys implements TicketKeys {
  readonly turn = NEVER;
  readonly tls12 = true;
  readonly version = 0;
  readonly freshUntil = Infinity;
  readonly #keys: readonly TicketKey[];

  /** @param given 48 bytes each. */
  constructor(given: readonly Uint8Array[], now: number) {
    // The others never begin to encrypt. s2n-tls decrypts with a key before that, too (s2n_resume.c).
    this.#keys = given.map((bytes, index) => ({
      bytes: Uint8Array.from(bytes),
      since: index === 0 ? now : now + NEVER,
    }));
  }

  at(): readonly TicketKey[] {
    return this.#keys;
  }
}

/**
 * A secret from which all later keys are derived, but no earlier one. Another process on this machine that has it resumes the
 * sessions of this one.
 */
export interface TicketKeySeed {
  /** 32 bytes in hexadecimal, because cluster sends it as JSON. */
  readonly secret: string;
  /** When the first key starts to encrypt, in seconds since 1970. */
  readonly since: number;
  /** How long each key encrypts, in seconds. */
  readonly turn: number;
}

/**
 * Keys that rotate. The next key exists a whole turn ahead, so a late rotation leaves no gap. An old key stays as long as tickets
 * that it encrypted can arrive. Each key is derived from a secret that is hashed at each turn (a ratchet), so a deleted key
 * cannot be derived again.
 */
export class RotatingTicketKeys implements TicketKeys {
  readonly turn: number;
  readonly tls12 = true;
  readonly version = 0;
  readonly #sessionSeconds: number;
  /** The secret of the oldest key that still decrypts. */
  #secret: Uint8Array;
  #since: number | undefined;
  #keys: readonly TicketKey[] = [];

  constructor(sessionSeconds: number, seed?: TicketKeySeed) {
    this.turn = seed?.turn ?? turnOf(sessionSeconds);
    this.#sessionSeconds = sessionSeconds;
    this.#secret = seed ? Buffer.from(seed.secret, 'hex') : randomBytes(SECRET_BYTES);
    this.#since = seed?.since;
  }

  get freshUntil(): number {
    return this.#keys.at(-1)?.since ?? 0;
  }

  at(now: number): readonly TicketKey[] {
    let since = this.#forget(now);
    if (now < this.freshUntil) return this.#keys;
    let secret = this.#secret;
    const keys: TicketKey[] = [];
    for (;;) {
      const known = this.#keys.find((key) => key.since === since);
      keys.push(known ?? { bytes: deriveSecret(secret, 'key', TICKET_KEY_BYTES), since });
      if (since > now) break;
      const former = secret;
      secret = deriveSecret(former, 'turn', SECRET_BYTES);
      if (former !== this.#secret) former.fill(0);
      since += this.turn;
    }
    if (secret !== this.#secret) secret.fill(0);
    this.#keys = keys;
    return keys;
  }

  seed(now: number): TicketKeySeed {
    const since = this.#forget(now);
    return { secret: Buffer.from(this.#secret).toString('hex'), since, turn: this.turn };
  }

  /** Wipes keys that have no valid tickets left. Returns when the oldest remaining key started to encrypt. */
  #forget(now: number): number {
    let since = this.#since ?? now;
    for (; since + this.turn + this.#sessionSeconds <= now; since += this.turn) {
      const former = this.#secret;
      this.#secret = deriveSecret(former, 'turn', SECRET_BYTES);
      former.fill(0);
    }
    this.#since = since;
    for (const key of this.#keys) if (key.since < since) key.bytes.fill(0);
    this.#keys = this.#keys.filter((key) => key.since >= since);
    return since;
  }
}

function deriveSecret(secret: Uint8Array, purpose: string, bytes: number): Uint8Array {
  return deriveBytes(secret, new Uint8Array(), Buffer.from(`s2n-pkey ticket ${purpose}`), bytes);
}

/**
 * Derives the key that a context uses from a key of its server. It is bound to `purpose`, so that a ticket issued under one
 * certificate is not accepted under another, where the client would mistake one server for the other.
 */
export function deriveTicketKey({ bytes, since }: TicketKey, purpose: Uint8Array): TicketKey {
  const name = bytes.subarray(0, NAME_BYTES);
  const secret = bytes.subarray(NAME_BYTES);
  return { bytes: deriveBytes(secret, name, purpose, TICKET_KEY_BYTES), since };
}
