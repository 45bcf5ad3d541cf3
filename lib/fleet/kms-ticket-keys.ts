import type { GenerateMacCommandOutput, KMSClient } from '@aws-sdk/client-kms';
import { S2nPkeyError } from '../errors.ts';
import { group } from '../options/kinds.ts';
import { dateOption } from './date-option.ts';
import { readOptionsObject, refusal, type SchemaOf } from '../options/option.ts';
import { keyIdOption } from '../signers/kms/client/key-id.ts';
import {
  createHandshakeClient,
  kmsClientOption,
  kmsClientSchema,
  type KmsClientOptions,
} from '../signers/kms/client/kms-client.ts';
import { explained } from '../signers/kms/client/kms-error.ts';
import { kmsSdk } from '../signers/kms/client/sdk.ts';
import {
  FleetTicketKeys,
  fleetSchema,
  type FleetTicketKeysOptions,
} from '../tls/context/fleet-ticket-keys.ts';
import type { EpochSecret, TicketEpoch, TicketKeySource } from '../tls/context/ticket-key-source.ts';

export interface KmsTicketKeysOptions extends FleetTicketKeysOptions, KmsClientOptions {
  /** An HMAC_384 key of KMS that is used for nothing else: its id or ARN, or an alias' name or ARN, such as `alias/tickets`. */
  readonly keyId: string;
  /** The key that takes over, and from when on: all machines must know it before. */
  readonly next?: NextTicketKey;
  /** A client of your own, in place of `region`, `endpoint` and `credentials`. It stays yours to destroy. */
  readonly client?: KMSClient;
}

export interface NextTicketKey {
  readonly keyId: string;
  /** The epochs that begin at that time or later are of this key. */
  readonly from: Date;
}

const nextSchema = {
  keyId: keyIdOption,
  from: dateOption,
} satisfies SchemaOf<NextTicketKey>;

export const kmsTicketKeysSchema = {
  keyId: keyIdOption,
  next: group(nextSchema, "{ keyId: 'alias/tickets-2', from: new Date('2027-01-01') }"),
  ...kmsClientSchema,
  client: kmsClientOption,
  ...fleetSchema,
} satisfies SchemaOf<KmsTicketKeysOptions>;

/**
 * Ticket keys that all machines of a fleet derive from an HMAC key in AWS KMS: each can resume the sessions of every other. Each asks KMS
 * once for each epoch (`GenerateMac`).
 */
export class KmsTicketKeys extends FleetTicketKeys {
  readonly #source: KmsTicketKeySource;

  private constructor(source: KmsTicketKeySource, options: FleetTicketKeysOptions) {
    super(source, options);
    this.#source = source;
  }

  /**
   * Nothing is asked for yet: the first server that has these keys starts that. Whether KMS gives them, `'available'` and `'unavailable'`
   * say.
   *
   * @throws InvalidOptionError, naming the option.
   */
  static async open(options: KmsTicketKeysOptions): Promise<KmsTicketKeys> {
    const read = readOptionsObject(
      kmsTicketKeysSchema,
      options,
      "an object such as { keyId: 'alias/tickets' }",
    );
    const { keyId, next, region, endpoint, credentials, client } = read;
    const place = [region, endpoint, credentials].some((each) => each !== undefined);
    if (client && place) {
      const expected = 'no region, endpoint or credentials beside it';
      throw refusal('client', kmsTicketKeysSchema.client, client, expected);
    }
    const own = client ?? createHandshakeClient(options);
    const source = new KmsTicketKeySource(own, client === undefined, keyId, next, [region, endpoint]);
    const { generation, reach, timeout, tls12 } = read;
    return new KmsTicketKeys(source, { generation, reach, timeout, tls12 });
  }

  override close(): void {
    super.close();
    this.#source.close();
  }
}

class KmsTicketKeySource implements TicketKeySource {
  readonly name: string;
  readonly #client: KMSClient;
  readonly #isOwnClient: boolean;
  readonly #keyId: string;
  readonly #next: NextTicketKey | undefined;
  /** What each `keyId` meant at first: an alias that moves would part this machine from those that asked before. */
  readonly #arns = new Map<string, string>();

  constructor(
    client: KMSClient,
    isOwnClient: boolean,
    keyId: string,
    next: NextTicketKey | undefined,
    place: unknown,
  ) {
    this.name = `KMS ${JSON.stringify([keyId, next, place])}`;
    this.#client = client;
    this.#isOwnClient = isOwnClient;
    this.#keyId = keyId;
    this.#next = next;
  }

  async secretOf(epoch: TicketEpoch, { signal }: { readonly signal: AbortSignal }): Promise<EpochSecret> {
    const isOfNext = this.#next !== undefined && epoch.begin * 1000 >= this.#next.from.getTime();
    const keyId = isOfNext ? this.#next.keyId : this.#keyId;
    const { GenerateMacCommand } = kmsSdk();
    const command = new GenerateMacCommand({
      ...{ KeyId: keyId, MacAlgorithm: 'HMAC_SHA_384' as const, Message: epoch.label },
    });
    let time: number | undefined;
    command.middlewareStack.add(
      (ask) => async (args) => {
        const result = await ask(args);
        time = timeOf(result.response);
        return result;
      },
      { step: 'deserialize', priority: 'low' },
    );
    const answer = await explained(
      { operation: 'GenerateMac', key: keyId },
      this.#client.send(command, { abortSignal: signal }),
    );
    this.#refuseMovedAlias(keyId, answer);
    if (!answer.Mac) throw new TypeError('KMS answered GenerateMac without a MAC');
    return { secret: answer.Mac, time };
  }

  close(): void {
    if (this.#isOwnClient) this.#client.destroy();
  }

  #refuseMovedAlias(keyId: string, { KeyId: arn }: GenerateMacCommandOutput): void {
    if (arn === undefined) return;
    const first = this.#arns.get(keyId) ?? arn;
    this.#arns.set(keyId, first);
    if (first === arn) return;
    throw new S2nPkeyError(
      'ERR_S2N_PKEY_TICKET_KEYS_MOVED',
      `${keyId} was ${first} and is ${arn} now. Other machines may not know yet: point it back, and pass the new key as next on all of them`,
    );
  }
}

/** The header Date of an answer over HTTP, in milliseconds since 1970. */
function timeOf(response: unknown): number | undefined {
  if (typeof response !== 'object' || response === null || !('headers' in response)) return undefined;
  const { headers } = response;
  if (typeof headers !== 'object' || headers === null || !('date' in headers)) return undefined;
  const time = Date.parse(String(headers.date));
  return Number.isNaN(time) ? undefined : time;
}
