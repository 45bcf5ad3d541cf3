import { group, wholeNumber } from '../options/kinds.ts';
import { readOptionsObject, type Option, type SchemaOf } from '../options/option.ts';
import { TokenRenewal } from '../signers/vault/token-renewal.ts';
import { unusable, type VaultClient } from '../signers/vault/vault-client.ts';
import {
  clientOf,
  vaultKeySchema,
  withEnvironment,
  type VaultKeyOptions,
} from '../signers/vault/vault-key-options.ts';
import {
  FleetTicketKeys,
  fleetSchema,
  type FleetTicketKeysOptions,
} from '../tls/context/fleet-ticket-keys.ts';
import type { TicketEpoch, TicketKeySource } from '../tls/context/ticket-key-source.ts';
import { dateOption } from './date-option.ts';

export type { VaultKeyOptions };
export type { Fetch as VaultFetch, FetchAnswer as VaultFetchAnswer } from '../signers/vault/vault-client.ts';
export type { TokenOption as VaultTokenOption } from '../signers/vault/token-source.ts';

export interface VaultTicketKeysOptions extends FleetTicketKeysOptions, VaultKeyOptions {
  /** The version of the key: the same on all machines. Default: 1. */
  readonly keyVersion?: number;
  /** The version that takes over, and from when on: all machines must know it before. */
  readonly next?: NextTicketKeyVersion;
}

export interface NextTicketKeyVersion {
  readonly keyVersion: number;
  /** The epochs that begin at that time or later are of this version. */
  readonly from: Date;
}

const versionOption = { ...wholeNumber({ least: 1 }), expected: 'the number of a version, 1 or more' };

const nextSchema = {
  keyVersion: { ...versionOption, isRequired: true } as Option<number>,
  from: dateOption,
} satisfies SchemaOf<NextTicketKeyVersion>;

export const vaultTicketKeysSchema = {
  ...vaultKeySchema,
  keyVersion: wholeNumber({ least: 1, fallback: 1 }),
  next: group(nextSchema, "{ keyVersion: 2, from: new Date('2027-01-01') }"),
  ...fleetSchema,
} satisfies SchemaOf<VaultTicketKeysOptions>;

/**
 * Ticket keys that all machines of a fleet derive from a key in the Transit engine of Vault or OpenBao. Needs `update` on
 * `transit/hmac/NAME/sha2-384`.
 */
export class VaultTicketKeys extends FleetTicketKeys {
  readonly #renewal: TokenRenewal | undefined;

  private constructor(
    source: TicketKeySource,
    renewal: TokenRenewal | undefined,
    options: FleetTicketKeysOptions,
  ) {
    super(source, options);
    this.#renewal = renewal;
  }

  /**
   * Nothing is asked for yet: the first server that has these keys starts that.
   *
   * @throws InvalidOptionError, naming the option.
   */
  static async open(options: VaultTicketKeysOptions): Promise<VaultTicketKeys> {
    const read = readOptionsObject(
      vaultTicketKeysSchema,
      withEnvironment(options),
      "an object such as { key: 'tickets' }",
    );
    const { client, tokens } = clientOf(read);
    const source = new VaultTicketKeySource(client, read);
    const renewal = read.renewToken && tokens.fixed ? new TokenRenewal(client) : undefined;
    void renewal?.start();
    const { generation, reach, timeout, tls12 } = read;
    return await Promise.resolve(new VaultTicketKeys(source, renewal, { generation, reach, timeout, tls12 }));
  }

  override close(): void {
    super.close();
    this.#renewal?.stop();
  }
}

interface KeyOfSource {
  readonly key: string;
  readonly mount: string;
  readonly keyVersion: number;
  readonly next: NextTicketKeyVersion | undefined;
}

class VaultTicketKeySource implements TicketKeySource {
  readonly name: string;
  readonly #client: VaultClient;
  readonly #key: KeyOfSource;

  constructor(client: VaultClient, { key, mount, keyVersion, next }: KeyOfSource) {
    this.name = `Vault ${JSON.stringify([client.address, mount, key, keyVersion, next])}`;
    this.#client = client;
    this.#key = { key, mount, keyVersion, next };
  }

  async secretOf(epoch: TicketEpoch, { signal }: { readonly signal: AbortSignal }): Promise<Uint8Array> {
    const { key, mount, next } = this.#key;
    const isOfNext = next !== undefined && epoch.begin * 1000 >= next.from.getTime();
    const version = isOfNext ? next.keyVersion : this.#key.keyVersion;
    const operation = `${mount}/hmac/${key}/sha2-384`;
    const body = { input: Buffer.from(epoch.label).toString('base64'), key_version: version };
    const { hmac } = await this.#client.ask('POST', operation, body, signal);
    const match = typeof hmac === 'string' ? /^vault:v(\d+):([A-Za-z0-9+/]{64})$/.exec(hmac) : null;
    const [, answered, mac = ''] = match ?? [];
    // Other machines ask for this version.
    if (Number(answered) !== version)
      throw unusable(operation, `it has no HMAC that begins with vault:v${version}`);
    return Buffer.from(mac, 'base64');
  }
}
