import { FileTicketKeys, fileTicketKeysSchema } from '../fleet/file-ticket-keys.ts';
import { KmsTicketKeys, kmsTicketKeysSchema } from '../fleet/kms-ticket-keys.ts';
import { VaultTicketKeys, vaultTicketKeysSchema } from '../fleet/vault-ticket-keys.ts';
import { group } from '../options/kinds.ts';
import type { OptionValues, Schema } from '../options/option.ts';
import type { FleetTicketKeys } from '../tls/context/fleet-ticket-keys.ts';
import { given, secretOf } from './backends.ts';
import { file, oneOf, requiredFile } from './file-option.ts';

/** What a file of settings can say of the ticket keys of a fleet: the options that are no functions. */
const { keyId, region, endpoint, next, generation, reach, timeout, tls12 } = kmsTicketKeysSchema;
const { key, mount, namespace, renewToken, keyVersion, next: nextVersion } = vaultTicketKeysSchema;
const common = { generation, reach, timeout, tls12 };

const sections = {
  kms: { keyId, region, endpoint, next, ...common },
  vault: {
    ...{ key, mount, namespace, renewToken, keyVersion, next: nextVersion },
    address: { ...vaultTicketKeysSchema.address, isRequired: false },
    tokenFile: file('a file that holds a token'),
    ...common,
  },
  file: {
    path: requiredFile('a file of secrets'),
    interval: fileTicketKeysSchema.interval,
    ...common,
  },
} satisfies Record<string, Schema>;

const sourcesSchema = {
  kms: group(sections.kms, "an object such as { keyId: 'alias/tickets' }"),
  vault: group(sections.vault, "an object such as { key: 'tickets' }"),
  file: group(sections.file, "an object such as { path: 'tickets.key' }"),
} satisfies Schema;

/** The section `fleetTicketKeys` of a file of settings. */
export const fleetTicketKeysOption = oneOf(
  sourcesSchema,
  `an object with one of ${Object.keys(sourcesSchema).join(', ')}`,
);

/** @throws InvalidOptionError */
export async function openFleetTicketKeys({
  kms,
  vault,
  file: ofFile,
}: OptionValues<typeof sourcesSchema>): Promise<FleetTicketKeys> {
  if (kms) return await KmsTicketKeys.open(given(kms));
  if (vault) {
    const { tokenFile, ...options } = vault;
    // The file is read again when the token is refused.
    const token = tokenFile === undefined ? {} : { token: () => secretOf(tokenFile) };
    return await VaultTicketKeys.open(given({ ...options, ...token }));
  }
  if (ofFile) {
    const { path, ...options } = ofFile;
    return await FileTicketKeys.open(given({ file: path, ...options }));
  }
  throw new TypeError('a source is read before it is opened');
}
