/**
 * The keys that a server encrypts session tickets with (RFC 5077 §4, RFC 8446 §4.6.1). Whoever has one can pass for the server
 * to those clients whose tickets it encrypted, and read their TLS 1.2 sessions: so each is used for a short time.
 */
import { hkdfSync, randomBytes } from 'node:crypto';

/** As node:tls has them: 16 bytes that name the key in a ticket, 32 bytes of secret. */
export const TICKET_KEY_BYTES = 48;
const NAME_BYTES = 16;
const SECRET_BYTES = 32;

/** The shortest time that a key encrypts before the next one does, in seconds. */
const SHORTEST_TURN = 3600;
/** A key decrypts for as long as a session may live after it; so many turns at most, since s2n-tls holds 48 keys. */
const MOST_TURNS_IN_A_SESSION = 8;
/** Longer than any server runs, in seconds. */
const NEVER = 10 * 365 * 24 * 3600;

export interface TicketKey {
  readonly bytes: Uint8Array;
  /** When it begins to encrypt, in seconds since 1970; it decrypts before that, too. */
  readonly since: number;
}

/** Where a server has its ticket keys from. Times are in seconds since 1970. */
export interface TicketKeys {
  /** How long each key encrypts. */
  readonly turn: number;
  /** All that are of use at `now`, the oldest first. One of them encrypts, another may be there ahead of its time. */
  at(now: number): readonly TicketKey[];
  /** Until when what `at` returned need not be asked for again. */
  readonly freshUntil: number;
}

/** The key that encrypts at `now`. */
export function encryptingKey(keys: TicketKeys, now: number): TicketKey {
  const key = keys.at(now).findLast(({ since }) => since <= now);
  if (!key) throw new Error('s2n-pkey: there is no ticket key to encrypt with');
  return key;
}

/** One key that somebody else takes care of: shared by several machines, replaced by `setTicketKeys`. */
export class GivenTicketKey implements TicketKeys {
  readonly turn = NEVER;
  readonly freshUntil = Infinity;
  readonly #key: TicketKey;

  constructor(bytes: Uint8Array, now: number) {
    this.#key = { bytes: Uint8Array.from(bytes), since: now };
  }

  at(): readonly TicketKey[] {
    return [this.#key];
  }
}

/**
 * What all later keys follow from, and no earlier one: for another process on this machine, which then resumes this one's
 * sessions. It is a secret, as the keys are.
 */
export interface TicketKeySeed {
  /** 32 bytes, in hexadecimal: it travels over cluster's IPC. */
  readonly secret: string;
  /** When the first key begins to encrypt, in seconds since 1970. */
  readonly since: number;
  /** In seconds. */
  readonly turn: number;
}

/**
 * Keys that take turns. The next one is there a whole turn ahead, so that a late rotation leaves no time without a key; an old
 * one stays for as long as tickets that it encrypted may come. Each follows from a secret that is hashed on from turn to turn
 * (a ratchet): no key that is gone can be made again.
 */
export class RotatingTicketKeys implements TicketKeys {
  readonly turn: number;
  readonly #sessionSeconds: number;
  /** Of the oldest key that is of use. */
  #secret: Uint8Array;
  #since: number | undefined;
  #keys: readonly TicketKey[] = [];

  constructor(sessionSeconds: number, seed?: TicketKeySeed) {
    this.turn = seed?.turn ?? Math.max(SHORTEST_TURN, Math.ceil(sessionSeconds / MOST_TURNS_IN_A_SESSION));
    this.#sessionSeconds = sessionSeconds;
    this.#secret = seed ? Buffer.from(seed.secret, 'hex') : randomBytes(SECRET_BYTES);
    this.#since = seed?.since;
  }

  get freshUntil(): number {
    return this.#keys.at(-1)?.since ?? 0;
  }

  at(now: number): readonly TicketKey[] {
    if (now < this.freshUntil) return this.#keys;
    let since = this.#forget(now);
    let secret = this.#secret;
    const keys: TicketKey[] = [];
    for (;;) {
      const known = this.#keys.find((key) => key.since === since);
      keys.push(known ?? { bytes: deriveSecret(secret, 'key', TICKET_KEY_BYTES), since });
      if (since > now) break;
      secret = deriveSecret(secret, 'turn', SECRET_BYTES);
      since += this.turn;
    }
    this.#keys = keys;
    return keys;
  }

  seed(now: number): TicketKeySeed {
    const since = this.#forget(now);
    return { secret: Buffer.from(this.#secret).toString('hex'), since, turn: this.turn };
  }

  /** Drops what no ticket may come for any more. Returns when the oldest key that is left began. */
  #forget(now: number): number {
    let since = this.#since ?? now;
    for (; since + this.turn + this.#sessionSeconds <= now; since += this.turn) {
      this.#secret = deriveSecret(this.#secret, 'turn', SECRET_BYTES);
    }
    this.#since = since;
    return since;
  }
}

function deriveSecret(secret: Uint8Array, purpose: string, bytes: number): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, '', `s2n-pkey ticket ${purpose}`, bytes));
}

/**
 * The key that a context uses in place of a server's own. Bound to `purpose`, so that a ticket that was given under one
 * certificate is of no use under another: the client would take the one server for the other.
 */
export function deriveTicketKey({ bytes, since }: TicketKey, purpose: Uint8Array): TicketKey {
  const name = bytes.subarray(0, NAME_BYTES);
  const secret = bytes.subarray(NAME_BYTES);
  return { bytes: new Uint8Array(hkdfSync('sha256', secret, name, purpose, TICKET_KEY_BYTES)), since };
}
