import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { inState, isKeyRecord, isMultiRegion, withoutMaterial, type KeyRecord } from './store/key-record.ts';
import type { KeyStore } from './store/key-store.ts';
import { LocalKmsError } from './store/local-kms-error.ts';

/**
 * Gives a store replicas of all multi-Region keys in another local KMS's data directory, as ReplicateKey of each would: the same key
 * id and material, and from then on a state, tags and policy of its own. Keys that are there already stay as they are.
 *
 * @throws LocalKmsError
 */
export async function replicateKeys(directory: string, store: KeyStore): Promise<void> {
  for (const record of await keysIn(path.join(directory, 'keys'))) {
    if (!isMultiRegion(record) || store.key(record.keyId) !== undefined) continue;
    const replica = inState({ ...record, tags: {} }, 'Enabled');
    // Imported material is not replicated: it is imported into each replica.
    await store.addKey(record.isExternal === true ? withoutMaterial(replica) : replica);
  }
}

async function keysIn(directory: string): Promise<KeyRecord[]> {
  try {
    const names = (await readdir(directory)).filter((name) => name.endsWith('.json'));
    const records = await Promise.all(
      names.map(async (name): Promise<unknown> =>
        JSON.parse(await readFile(path.join(directory, name), 'utf8')),
      ),
    );
    return records.filter((record) => isKeyRecord(record));
  } catch (cause) {
    throw new LocalKmsError(
      `the keys in ${directory} cannot be read: --replicas-of takes the data directory of another local KMS ` +
        `(${String(cause)})`,
      { cause },
    );
  }
}
