/**
 * `npm run test:aws`: KmsSigner against AWS KMS itself, with keys of yours. It is no part of `npm test`, and nobody has run it against
 * AWS yet. It makes some 2,000 signatures (0.15 USD for 10,000 at the time of writing) and takes 25 minutes. Credentials are found as the
 * AWS SDK finds them, and need kms:Sign and kms:GetPublicKey.
 *
 *     S2N_PKEY_TEST_AWS_KEY_ARNS=arn:aws:kms:…,arn:aws:kms:… npm run test:aws
 *
 * - `S2N_PKEY_TEST_AWS_KEY_ARNS`: asymmetric keys with the usage SIGN_VERIFY: best one of each spec, in one Region.
 * - `S2N_PKEY_TEST_AWS_EXPIRED`: JSON of temporary credentials that have expired: accessKeyId, secretAccessKey, sessionToken.
 * - `S2N_PKEY_TEST_AWS_IDLE_MINUTES`: instead of 20.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { KmsError, KmsSigner, type KmsSignerOptions } from '../../lib/index.ts';
import { askFor, schemesOf } from '../../lib/signers/conformance/asked.ts';
import { explainSignature } from '../../lib/signers/conformance/verification.ts';

const arns = (process.env['S2N_PKEY_TEST_AWS_KEY_ARNS'] ?? '').split(',').filter((arn) => arn !== '');
const [first = ''] = arns;
const expired = process.env['S2N_PKEY_TEST_AWS_EXPIRED'];
const idleMinutes = Number(process.env['S2N_PKEY_TEST_AWS_IDLE_MINUTES'] ?? 20);

/** Signs with a scheme, and verifies with the public key. */
async function signs(signer: KmsSigner, [scheme] = schemesOf(signer)): Promise<void> {
  if (scheme === undefined) throw new Error(`${signer.keyArn} has no scheme`);
  const asked = askFor(scheme, signer.publicKey);
  explainSignature(asked, signer.publicKey, await signer.sign(asked.operation));
}

describe('KmsSigner against AWS', function () {
  this.timeout((idleMinutes + 5) * 60_000);
  const opened: KmsSigner[] = [];
  const open = async (options: KmsSignerOptions): Promise<KmsSigner> => {
    const signer = await KmsSigner.open(options);
    opened.push(signer);
    return signer;
  };
  const failure = async (made: Promise<unknown>): Promise<KmsError> => {
    const outcome: unknown = await made.catch((error: unknown) => error);
    if (outcome instanceof KmsError) return outcome;
    throw new Error(`a KmsError was expected; it is ${String(outcome)}`);
  };

  before(() => {
    if (arns.length === 0)
      throw new Error('S2N_PKEY_TEST_AWS_KEY_ARNS must have the ARNs of keys, see test/aws/kms.aws.ts');
  });
  afterEach(() => {
    for (const signer of opened.splice(0)) signer.close();
  });

  for (const keyId of arns) {
    for (const options of [
      { requests: 'fast' },
      { requests: 'fast', thread: 'worker' },
      { requests: 'sdk' },
    ] as const) {
      it(`signs with every algorithm of ${keyId}, ${JSON.stringify(options)}`, async () => {
        const signer = await open({ keyId, ...options });
        for (const scheme of schemesOf(signer)) await signs(signer, [scheme]);
      });
    }
  }

  it('signs a thousand at once, or is throttled', async () => {
    const signer = await open({ keyId: first, signatureTimeout: 30_000 });
    const outcomes = await Promise.allSettled(Array.from({ length: 1_000 }, () => signs(signer)));
    const failures = outcomes.flatMap((one) => (one.status === 'rejected' ? [one.reason as KmsError] : []));
    console.log(`      ${outcomes.length - failures.length} signed, ${failures.length} did not`);
    expect(failures.filter(({ code }) => code !== 'ERR_S2N_PKEY_KMS_THROTTLED')).to.deep.equal([]);
    expect(failures.length).to.be.lessThan(900);
    await signs(signer);
  });

  it('says that credentials have expired', async function () {
    if (expired === undefined) {
      this.skip();
    }
    const credentials = JSON.parse(expired) as NonNullable<KmsSignerOptions['credentials']>;
    const error = await failure(open({ keyId: first, credentials }));
    expect(error).to.include({ code: 'ERR_S2N_PKEY_KMS_CREDENTIALS', kmsErrorName: 'ExpiredTokenException' });
  });

  it('says so where credentials are renewed after they have expired, and signs', async function () {
    if (expired === undefined) {
      this.skip();
    }
    const signer = await open({ keyId: first });
    const good = await signer.client.config.credentials();
    const old = JSON.parse(expired) as typeof good;
    let isOld = false;
    const renewed = await open({
      keyId: first,
      credentials: (options?: { forceRefresh?: boolean }) => {
        const given = isOld && options?.forceRefresh !== true ? old : good;
        return Promise.resolve({ ...given, expiration: new Date(Date.now() + 1_000) });
      },
    });
    isOld = true;
    await pause(2_000); // The credentials of the start are no longer fresh.
    await signs(renewed);
  });

  it('says that the key is not in another Region, and that an endpoint is of another', async () => {
    const [, , , region = '', , key = ''] = first.split(':');
    const other = region === 'eu-west-1' ? 'eu-central-1' : 'eu-west-1';
    const elsewhere = await failure(open({ keyId: key.replace('key/', ''), region: other }));
    expect(elsewhere.code).to.equal('ERR_S2N_PKEY_KMS_NOT_FOUND');
    const endpoint = `https://kms.${other}.amazonaws.com`;
    const wrongScope = await failure(open({ keyId: first, region, endpoint }));
    expect(wrongScope.code).to.be.oneOf(['ERR_S2N_PKEY_KMS_CREDENTIALS', 'ERR_S2N_PKEY_KMS_NOT_FOUND']);
  });

  it(`signs after ${idleMinutes} idle minutes`, async () => {
    const signer = await open({ keyId: first });
    await Promise.all(Array.from({ length: 10 }, () => signs(signer)));
    await pause(idleMinutes * 60_000);
    await Promise.all(Array.from({ length: 10 }, () => signs(signer)));
  });
});
