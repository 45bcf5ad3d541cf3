import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { addon } from '../../native/addon.ts';
import { DataDirectory } from './data-directory.ts';
import { removeDurably, writeDurably } from './durable-file.ts';
import { loadMaterial, type KeyMaterial } from './key-material.ts';
import { isAliasList, isKeyRecord, withoutMaterial, type AliasRecord, type KeyRecord } from './key-record.ts';
import { keySpecFacts, type KeySpecFacts } from './key-spec.ts';
import { LocalKmsError, systemErrorCode } from './local-kms-error.ts';

/** A key in memory: its record, what its key spec means, and its material ready for use. */
export interface StoredKey {
  readonly record: KeyRecord;
  readonly facts: KeySpecFacts;
  /** Undefined while it is not imported. */
  readonly material: KeyMaterial | undefined;
}

// A timer holds at most 2^31 ms; a day is often enough to look again.
const longestWait = 24 * 60 * 60 * 1000;

/**
 * All keys and aliases: read from disk once, then held in memory; every change is on disk, durably, before it is seen.
 * Reads are synchronous; changes are done one after the other, so that each sees what the one before it left.
 */
export class KeyStore {
  readonly #directory: DataDirectory;
  readonly #now: () => number;
  readonly #keys = new Map<string, StoredKey>();
  #aliases: ReadonlyMap<string, AliasRecord> = new Map();
  #changes: Promise<unknown> = Promise.resolve();
  #deletionTimer: NodeJS.Timeout | undefined;

  private constructor(directory: DataDirectory, now: () => number) {
    this.#directory = directory;
    this.#now = now;
  }

  /** Opens the store in `directory`, making it where there is none. `now` is the clock (epoch milliseconds). */
  static async open(directory: string, now: () => number = Date.now): Promise<KeyStore> {
    addon(); // without it no key signs, which is reported now
    const data = await DataDirectory.open(directory);
    try {
      const store = new KeyStore(data, now);
      await store.#load();
      await store.#deleteDueKeys();
      return store;
    } catch (error) {
      await data.close();
      throw error;
    }
  }

  /**
   * The key with this id. A key whose deletion date has passed is not there any more, even before its file is gone; nor is material
   * that has expired.
   */
  key(keyId: string): StoredKey | undefined {
    const key = this.#keys.get(keyId);
    if (key === undefined || this.#isDue(key.record)) return undefined;
    return this.#hasExpired(key.record)
      ? { record: withoutMaterial(key.record), facts: key.facts, material: undefined }
      : key;
  }

  /** The ids of all keys, sorted. */
  keyIds(): string[] {
    return [...this.#keys.keys()].filter((keyId) => this.key(keyId) !== undefined).sort();
  }

  /** The alias with this name (`alias/…`). */
  alias(aliasName: string): AliasRecord | undefined {
    const alias = this.#aliases.get(aliasName);
    return alias === undefined || this.key(alias.targetKeyId) === undefined ? undefined : alias;
  }

  /** All aliases, sorted by name. */
  aliases(): AliasRecord[] {
    return [...this.#aliases.values()]
      .filter((alias) => this.key(alias.targetKeyId) !== undefined)
      .sort((a, b) => (a.aliasName < b.aliasName ? -1 : 1));
  }

  /** Adds a new key. */
  addKey(record: KeyRecord): Promise<void> {
    return this.#change(() => this.#putKey(record));
  }

  /**
   * Changes a key's record to what `change` returns, which may throw to leave it as it is. `change` sees the record as
   * every change before left it; undefined when the key has been deleted meanwhile.
   */
  changeKey(keyId: string, change: (record: KeyRecord | undefined) => KeyRecord): Promise<void> {
    return this.#change(() => this.#putKey(change(this.key(keyId)?.record)));
  }

  /** Changes the aliases by `change`, which is given a copy to work on and may throw to leave them as they are. */
  changeAliases(change: (aliases: Map<string, AliasRecord>) => void): Promise<void> {
    return this.#change(async () => {
      const aliases = new Map(this.aliases().map((alias) => [alias.aliasName, alias]));
      change(aliases);
      await this.#putAliases(aliases);
    });
  }

  /** Waits for changes under way and lets the directory go. */
  async close(): Promise<void> {
    clearTimeout(this.#deletionTimer);
    await this.#changes.catch(() => undefined);
    await this.#directory.close();
  }

  #change(change: () => Promise<void>): Promise<void> {
    const done = this.#changes.then(change, change);
    this.#changes = done.catch(() => undefined); // `done` goes to the caller, who sees the failure.
    return done;
  }

  #isDue(record: KeyRecord): boolean {
    return record.deletionDate !== undefined && record.deletionDate <= this.#now();
  }

  #hasExpired({ imported }: KeyRecord): boolean {
    return imported?.validTo !== undefined && imported.validTo <= this.#now();
  }

  async #putKey(record: KeyRecord): Promise<void> {
    const known = this.#keys.get(record.keyId);
    const facts = known?.facts ?? keySpecFacts(record.keySpec);
    if (facts === undefined)
      throw new TypeError(`key spec ${record.keySpec} is not one this service makes keys of`);
    const { material: stored } = record;
    const material =
      known !== undefined && known.record.material === stored
        ? known.material
        : stored && loadMaterial(stored, facts);
    await writeDurably(this.#directory.keyPath(record.keyId), `${JSON.stringify(record, null, 2)}\n`);
    this.#keys.set(record.keyId, { record, facts, material });
    this.#scheduleDeletion();
  }

  async #putAliases(aliases: ReadonlyMap<string, AliasRecord>): Promise<void> {
    const list = [...aliases.values()];
    await writeDurably(this.#directory.aliasesPath, `${JSON.stringify(list, null, 2)}\n`);
    this.#aliases = aliases;
  }

  async #load(): Promise<void> {
    for (const name of await readdir(this.#directory.keysPath)) {
      const file = path.join(this.#directory.keysPath, name);
      const record = await readJson(file);
      if (!isKeyRecord(record) || name !== `${record.keyId}.json`) {
        throw new LocalKmsError(
          `${file} is not a key of the local KMS; move it away, or name another directory`,
        );
      }
      const facts = keySpecFacts(record.keySpec);
      if (facts === undefined) continue; // `isKeyRecord` has seen that it is known.
      try {
        const { material } = record;
        this.#keys.set(record.keyId, { record, facts, material: material && loadMaterial(material, facts) });
      } catch (cause) {
        throw new LocalKmsError(`the key in ${file} cannot be read (${String(cause)})`, { cause });
      }
    }
    const list = await readJson(this.#directory.aliasesPath);
    if (list === undefined) return;
    if (!isAliasList(list))
      throw new LocalKmsError(`${this.#directory.aliasesPath} is not a list of aliases`);
    this.#aliases = new Map(list.map((alias) => [alias.aliasName, alias]));
  }

  /** Deletes keys whose deletion date has passed, with the aliases that name them, and material that has expired. */
  async #deleteDueKeys(): Promise<void> {
    await this.#change(async () => {
      const due = [...this.#keys.values()].filter((key) => this.#isDue(key.record));
      if (due.length > 0) {
        // The aliases first: killed between the two, a key without aliases is left, not an alias without its key.
        await this.#putAliases(new Map(this.aliases().map((alias) => [alias.aliasName, alias])));
      }
      for (const { record } of due) {
        await removeDurably(this.#directory.keyPath(record.keyId));
        this.#keys.delete(record.keyId);
      }
      for (const { record } of this.#keys.values()) {
        if (this.#hasExpired(record)) await this.#putKey(withoutMaterial(record));
      }
    });
    this.#scheduleDeletion();
  }

  #scheduleDeletion(): void {
    clearTimeout(this.#deletionTimer);
    const dates = [...this.#keys.values()].flatMap(({ record: { deletionDate, imported } }) => [
      deletionDate ?? Infinity,
      imported?.validTo ?? Infinity,
    ]);
    const next = Math.min(...dates);
    if (next === Infinity) return;
    const wait = Math.min(Math.max(next - this.#now(), 0), longestWait);
    this.#deletionTimer = setTimeout(() => {
      // A failure (a full disk, say) leaves the file; the key is not served any more, and the next start tries again.
      this.#deleteDueKeys().catch((error: unknown) => {
        process.emitWarning(`local KMS: ${String(error)}`);
      });
    }, wait);
    this.#deletionTimer.unref();
  }
}

/** The JSON in a file; undefined where there is no file. Throws `LocalKmsError`. */
async function readJson(file: string): Promise<unknown> {
  try {
    return JSON.parse(await readFile(file, 'utf8'));
  } catch (cause) {
    if (systemErrorCode(cause) === 'ENOENT') return undefined;
    throw new LocalKmsError(`${file} cannot be read (${String(cause)})`, { cause });
  }
}
