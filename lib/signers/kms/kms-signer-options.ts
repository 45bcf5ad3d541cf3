import type { KMSClient } from '@aws-sdk/client-kms';
import { circuitBreakerSchema, type CircuitBreakerOptions } from '../admission/circuit-breaker.ts';
import { choice, fraction, groupOrFalse } from '../../options/kinds.ts';
import { readOptionsObject, refusal, type Schema, type SchemaOf } from '../../options/option.ts';
import { keyIdOption, regionOfArn } from './client/key-id.ts';
import { kmsClientOption, kmsClientSchema, type KmsClientOptions } from './client/kms-client.ts';
import type { SigningLimits } from './signing/sign-requests.ts';

export interface Hedging {
  /** 0.5–0.999: a second request is sent for a signature that takes longer than this part of recent ones did. 0.99 unless given. */
  readonly percentile?: number;
  /** 0–0.5: at most this share of signatures has a second request, since each costs as much as the first. 0.05 unless given. */
  readonly share?: number;
}

export interface SigningLimitOptions {
  /** Milliseconds a signature may take, with all its requests and what lies between them: 1 to 600,000. 5,000 unless given. */
  readonly signatureTimeout?: number;
  /** A second request for a signature that takes unusually long; the first good answer counts. Off (`false`) unless given: it costs money. */
  readonly hedging?: Hedging | false;
}

export interface KmsSignerOptions extends KmsClientOptions, SigningLimitOptions {
  /** A key's id or ARN, or an alias' name or ARN, such as `alias/site`. */
  readonly keyId: string;
  /**
   * A client of your own, which stays as it is and yours to destroy. What is special about its config counts: then it makes the requests,
   * with its own retries and time limits. Not together with `region`, `endpoint` and `credentials`.
   */
  readonly client?: KMSClient;
  /**
   * How signatures are asked for: `fast`, over connections of undici, or `sdk`, by the AWS SDK. Unless given it is `fast`, but
   * `sdk` with a `client` whose config is not the standard one.
   */
  readonly requests?: 'fast' | 'sdk';
  /**
   * After a failure that does not pass by itself (the key disabled, pending deletion or gone, access denied), KMS is asked again
   * only now and then, by one signature; the others are refused at once. false: KMS is asked each time.
   */
  readonly circuitBreaker?: CircuitBreakerOptions | false;
  /**
   * Where they are asked for: in the thread that opens the signer (`main`), unless given, or in one of the signer's own (`worker`), so that
   * requests, retries and deadlines go on while the event loop is busy. Not together with `client`.
   */
  readonly thread?: 'main' | 'worker';
}

export interface CheckedSignerOptions {
  readonly keyId: string;
  readonly client: KMSClient | undefined;
  readonly clientOptions: KmsClientOptions;
  readonly requests: 'fast' | 'sdk' | undefined;
  readonly thread: 'main' | 'worker';
  readonly limits: SigningLimits;
}

export const hedgingSchema = {
  percentile: fraction({ least: 0.5, most: 0.999, fallback: 0.99 }),
  share: fraction({ least: 0, most: 0.5, fallback: 0.05 }),
} satisfies Schema;

export const signingLimitSchema = {
  signatureTimeout: fraction({ least: 1, most: 600_000, fallback: 5_000, of: 'milliseconds' }),
  hedging: {
    ...groupOrFalse(hedgingSchema, 'an object such as { percentile: 0.99 }'),
    fallback: false as const,
  },
} satisfies Schema;

export const kmsSchema = {
  keyId: keyIdOption,
  ...kmsClientSchema,
  client: kmsClientOption,
  ...signingLimitSchema,
  requests: choice(['fast', 'sdk']),
  thread: choice(['main', 'worker'], 'main'),
  circuitBreaker: groupOrFalse(circuitBreakerSchema, 'options such as { pause: 1000 }'),
} satisfies SchemaOf<KmsSignerOptions>;

/** @throws InvalidOptionError naming the option. */
export function checkSignerOptions(options: KmsSignerOptions): CheckedSignerOptions {
  const read = readOptionsObject(kmsSchema, options, "an object such as { keyId: 'alias/site' }");
  const { keyId, client, requests, thread, region, endpoint, credentials } = read;
  if (client !== undefined) {
    if (thread === 'worker') {
      const expected = "'main' beside `client`, which cannot go to another thread";
      throw refusal('thread', kmsSchema.thread, thread, expected);
    }
    for (const name of ['region', 'endpoint', 'credentials'] as const) {
      if (read[name] === undefined) continue;
      const expected = 'nothing beside `client`, which has its own: give one or the other';
      throw refusal(name, kmsSchema[name], read[name], expected);
    }
  }
  const arnRegion = regionOfArn(keyId);
  if (region !== undefined && arnRegion !== undefined && region !== arnRegion) {
    const expected = `the Region of the key's ARN, '${arnRegion}', or nothing`;
    throw refusal('region', kmsSchema.region, region, expected);
  }
  return {
    keyId,
    client,
    requests,
    thread,
    limits: { timeout: read.signatureTimeout, hedging: read.hedging ?? false },
    clientOptions: {
      ...((region ?? arnRegion) === undefined ? {} : { region: region ?? arnRegion ?? '' }),
      ...(endpoint === undefined ? {} : { endpoint }),
      ...(credentials === undefined ? {} : { credentials }),
    },
  };
}
