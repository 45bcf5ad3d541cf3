import type { EpochSecrets } from './epoch-secrets.ts';
import { RotatingTicketKeys, type TicketKey, type TicketKeys } from './ticket-keys.ts';

/** What the servers of one process have in common. */
interface FleetOfServers {
  readonly version: number;
  readonly tls12: boolean;
  /** Whether the clock is so far off that other machines refuse what this one encrypts. */
  readonly isAdrift: boolean;
}

/** What one server makes of the fleet's keys: with keys of its own, while there are none. */
export class FleetKeysOfServer implements TicketKeys {
  readonly turn: number;
  readonly tls12: boolean;
  readonly #fleet: FleetOfServers;
  readonly #secrets: EpochSecrets;
  readonly #sessionSeconds: number;
  #own: RotatingTicketKeys | undefined;
  /** Own keys of before, for the tickets that were encrypted with them. */
  #former: { readonly keys: readonly TicketKey[]; readonly until: number } | undefined;
  #freshUntil = 0;

  constructor(fleet: FleetOfServers, secrets: EpochSecrets, sessionSeconds: number) {
    this.#fleet = fleet;
    this.#secrets = secrets;
    this.#sessionSeconds = sessionSeconds;
    this.turn = secrets.turn;
    this.tls12 = fleet.tls12;
  }

  get freshUntil(): number {
    return this.#freshUntil;
  }

  get version(): number {
    return this.#fleet.version;
  }

  at(now: number): readonly TicketKey[] {
    this.#secrets.forget(now);
    this.#freshUntil = this.#secrets.nextEpoch(now);
    const known = this.#secrets.known();
    if (this.#secrets.has(now) && !this.#fleet.isAdrift) {
      this.#retireOwn(now);
      return [...this.#formerAt(now), ...known];
    }
    this.#own ??= new RotatingTicketKeys(this.#sessionSeconds);
    const own = this.#own.at(now);
    this.#freshUntil = Math.min(this.#freshUntil, this.#own.freshUntil);
    const fleets = this.#fleet.isAdrift ? this.#decryptOnly(known, now) : known;
    return [...this.#formerAt(now), ...fleets, ...own].sort((a, b) => a.since - b.since);
  }

  #retireOwn(now: number): void {
    if (!this.#own) return;
    const keys = this.#decryptOnly(this.#own.at(now), now);
    this.#former = { keys, until: now + this.#sessionSeconds };
    this.#own = undefined;
  }

  /** Their time to encrypt is over. They decrypt for as long as a session lasts, and no longer. */
  #decryptOnly(keys: readonly TicketKey[], now: number): readonly TicketKey[] {
    const since = now - this.turn - 1;
    return keys.map(({ bytes, since: begin }) => ({ bytes, since: Math.min(begin, since) }));
  }

  #formerAt(now: number): readonly TicketKey[] {
    if (this.#former && now >= this.#former.until) {
      for (const { bytes } of this.#former.keys) bytes.fill(0);
      this.#former = undefined;
    }
    return this.#former?.keys ?? [];
  }
}
