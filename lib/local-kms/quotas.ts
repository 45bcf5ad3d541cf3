import { fraction, group, required } from '../options/kinds.ts';
import { readOption, type Schema } from '../options/option.ts';
import { TokenBucket } from '../signers/admission/token-bucket.ts';
import { KmsException } from './store/errors.ts';
import type { KeySpecFacts } from './store/key-spec.ts';

/**
 * Requests a second that the local KMS answers for all keys of a kind together, as AWS KMS does for an account in a Region
 * (https://docs.aws.amazon.com/kms/latest/developerguide/requests-per-second.html). A kind without a number has no quota.
 */
export interface LocalKmsQuota {
  /** `Sign` and `Verify` with RSA keys. */
  readonly rsa?: number | undefined;
  /** `Sign` and `Verify` with elliptic-curve keys. */
  readonly ecc?: number | undefined;
  /** `Sign` and `Verify` with ML-DSA keys. */
  readonly mldsa?: number | undefined;
  /** `GenerateMac` and `VerifyMac`. */
  readonly symmetric?: number | undefined;
}

const perSecond = fraction({ least: 1, of: 'requests a second' });

const schema = { rsa: perSecond, ecc: perSecond, mldsa: perSecond, symmetric: perSecond } satisfies Schema;

export const quotaOption = group(schema, 'requests a second by kind, such as { ecc: 1000 }');

/** As on the command line: `ecc=1000,rsa=500`. */
export function quotaText(quota: LocalKmsQuota): string {
  const given = Object.entries(quota).filter(([, each]) => each !== undefined);
  return given.map(([kind, each]) => `${kind}=${String(each)}`).join(',');
}

/** @throws InvalidOptionError `--quota`, also with the kind */
export function parseQuota(text: string): LocalKmsQuota {
  const given = text.split(',').map((each): [string, number] => {
    const [kind = '', count = ''] = each.split('=', 2);
    return [kind.trim(), count.trim() === '' ? NaN : Number(count)];
  });
  return readOption('--quota', required(quotaOption), Object.fromEntries(given));
}

const kinds = { rsa: 'rsa', ec: 'ecc', 'ml-dsa': 'mldsa', hmac: 'symmetric' } as const satisfies Record<
  KeySpecFacts['kind'],
  keyof LocalKmsQuota
>;

/** Counts requests against the quotas: as many at once as a second has, and then as they come back. */
export class Quotas {
  readonly #buckets = new Map<keyof LocalKmsQuota, TokenBucket>();
  readonly #now: () => number;

  /** @param now milliseconds of a monotonic clock */
  constructor(quota: LocalKmsQuota, now: () => number = () => performance.now()) {
    this.#now = now;
    for (const kind of ['rsa', 'ecc', 'mldsa', 'symmetric'] as const) {
      const rate = quota[kind];
      if (rate !== undefined) this.#buckets.set(kind, new TokenBucket(rate, rate, now()));
    }
  }

  get isEmpty(): boolean {
    return this.#buckets.size === 0;
  }

  /**
   * Counts one request with a key of this kind. A refused request takes nothing.
   *
   * @throws KmsException `ThrottlingException`
   */
  count(kind: KeySpecFacts['kind']): void {
    const bucket = this.#buckets.get(kinds[kind]);
    if (bucket === undefined) return;
    if (!bucket.has(this.#now())) {
      throw new KmsException(
        'ThrottlingException',
        'You have exceeded the rate at which you may call KMS. Reduce the frequency of your calls.',
      );
    }
    bucket.take();
  }
}
