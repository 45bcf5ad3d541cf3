import { expect } from 'chai';
import {
  createSelfSignedCertificate,
  createServer,
  InvalidOptionError,
  KmsSigner,
  LocalKeySigner,
  SignatureAdmission,
  SignaturesLimitedError,
  SignerError,
  type Signer,
} from '../../../lib/index.ts';
import { simulateFleet, type Scenario } from '../../fixtures/simulated-fleet.ts';
import { identity } from '../../fixtures/identity.ts';
import { close, connectTls, listen } from '../../fixtures/peers.ts';
import { when } from '../../fixtures/when.ts';
import { createKey, runningKms } from '../../local-kms/running-kms.ts';
import { rejectionOf } from '../rejection.ts';
import { withoutAwsConfiguration } from '../kms/aws-environment.ts';

const operation = {
  scheme: 'ecdsa_secp256r1_sha256',
  input: Buffer.alloc(32),
  inputKind: 'digest',
} as const;

describe('machines that share a quota', function () {
  this.timeout(120_000);

  // 750 handshakes a second of honest clients, of the 1,000 that the quota allows.
  const flooded: Scenario = {
    ...{ machines: 50, quota: 1000, seconds: 20, honest: 15, limits: {} },
    flood: { machines: 5, perSecond: 500, addresses: 20 },
  };

  it('serve honest clients while five of fifty are flooded, without knowing of each other', async () => {
    const { honest, flood } = await simulateFleet(flooded);
    expect(honest.begun).to.be.above(10_000);
    expect(honest.served / honest.begun).to.be.at.least(0.95);
    // What honest clients leave of the quota is not lost.
    expect(honest.served + flood.served).to.be.at.least(0.95 * 1000 * 17);
  });

  it('would not, if each went on to take the quota for its own', async () => {
    const { honest } = await simulateFleet({ ...flooded, limits: { adaptive: false } });
    expect(honest.served / honest.begun).to.be.below(0.8);
  });

  it('never reach the quota where each has its share', async () => {
    const limits = { perSecond: 1000, share: 1 / 50 };
    const { throttled, honest } = await simulateFleet({ ...flooded, limits });
    expect(throttled).to.equal(0);
    expect(honest.served / honest.begun).to.be.at.least(0.95);
  });

  it('come to equal parts of it, from rates that are far too high, and leave little unused', async () => {
    const { rates, flood, honest } = await simulateFleet({
      ...{ machines: 20, quota: 400, seconds: 20, honest: 2, limits: { perSecond: 400 } },
      flood: { machines: 20, perSecond: 100, addresses: 20 },
    });
    const mean = rates.reduce((sum, one) => sum + one, 0) / rates.length;
    expect(mean).to.be.within(14, 40); // 20 is the equal part.
    for (const rate of rates) expect(rate / mean).to.be.within(1 / 3, 3);
    expect(flood.served + honest.served).to.be.at.least(0.95 * 400 * 17);
  });
});

describe('adaptive', function () {
  this.timeout(120_000);
  withoutAwsConfiguration();
  const { key } = identity('P-256');

  it('lowers the rate by what the service refused, once for those that were on their way', () => {
    let now = 0;
    const clock = { now: () => now, every: () => () => undefined };
    const admission = new SignatureAdmission({ perSecond: 1000, queue: 0, perAddress: false }, clock);
    expect(admission.rate).to.equal(1000);
    expect(admission.available).to.equal(250);
    for (let at = 0; at < 50; at++) admission.countThrottle();
    expect(admission.rate).to.equal(700);
    expect(admission.available).to.equal(175);
    now += 250;
    admission.countThrottle();
    expect(admission.rate).to.be.within(490, 495);
    expect(admission.throttled).to.equal(51);
    for (let at = 0; at < 200; at++) {
      now += 250;
      admission.countThrottle();
    }
    expect(admission.rate, 'one a second is left').to.be.within(1, 3);
    now += 20_000;
    expect(admission.rate, 'after 20 s').to.be.within(90, 110);
    now += 100_000;
    expect(admission.rate, 'after two minutes').to.equal(1000);
  });

  it('says so to those that it refuses', () => {
    const clock = { now: () => 0, every: () => () => undefined };
    const admission = new SignatureAdmission({ perSecond: 4, queue: 0, perAddress: false }, clock);
    admission.countThrottle();
    admission.enter('192.0.2.1');
    expect(() => admission.enter('192.0.2.1'))
      .to.throw(
        /2\.8 signatures a second are the limit now, less than 4 since the service of the signer has throttled/,
      )
      .with.property('limit', 'perSecond');
  });

  it('can be turned off', () => {
    const admission = new SignatureAdmission({ perSecond: 1000, adaptive: false });
    admission.countThrottle();
    expect([admission.rate, admission.throttled]).to.deep.equal([1000, 1]);
  });

  it('takes the share of a machine from the limits and from the quota of the signer', async () => {
    expect(new SignatureAdmission({ perSecond: 1000, share: 0.02 }).limits).to.deep.include({
      perSecond: 20,
      inFlight: 256,
      perAddress: { perSecond: 10, burst: 2.5, inFlight: 128 },
    });
    expect(new SignatureAdmission({ share: 0.5 }).limits.perSecond).to.equal(400);
    for (const share of [0, 1.5, -1, NaN, '1']) {
      const make = (): unknown => new SignatureAdmission({ share: share as number });
      expect(make, String(share))
        .to.throw(InvalidOptionError)
        .with.property('option', 'signatureLimits.share');
    }
    // Read by a server, once: 0.01 of the quota of 1,000, which is 8 a second and 2 at once.
    const { publicKey, schemes } = new LocalKeySigner({ key });
    const sign = (): Promise<never> => Promise.reject(new SignerError('it signs nothing'));
    const signer: Signer = { publicKey, schemes, sign };
    const { cert } = identity('P-256');
    const signatureLimits = { share: 0.01, queue: 0, perAddress: false } as const;
    const server = createServer({ cert, signer, signatureLimits });
    const limited = new Promise<Error>((resolve) =>
      server.on('tlsClientError', (error: Error) => {
        if (error instanceof SignaturesLimitedError) resolve(error);
      }),
    );
    const port = await listen(server);
    await Promise.allSettled(Array.from({ length: 20 }, () => connectTls(port)));
    expect((await limited).message).to.include('8 signatures a second are the limit');
    await close(server);
  });

  it('hears a signer of your own by the code of its error', async () => {
    const { publicKey, schemes } = new LocalKeySigner({ key });
    const signer: Signer = {
      ...{ publicKey, schemes },
      sign: () => Promise.reject(new SignerError('too many', { code: 'ERR_MY_SERVICE_THROTTLED' })),
    };
    const admission = new SignatureAdmission();
    const { cert } = identity('P-256');
    const server = createServer({ cert, signer, signatureLimits: admission }).on(
      'tlsClientError',
      () => undefined,
    );
    await rejectionOf(connectTls(await listen(server)));
    expect(admission.throttled).to.equal(1);
    await close(server);
  });

  describe('over a local KMS with a quota', () => {
    const running = runningKms({ quota: { ecc: 20 } });

    for (const [way, more] of [
      ["requests: 'fast'", {}],
      ["requests: 'sdk'", { requests: 'sdk' }],
      ["thread: 'worker'", { thread: 'worker' }],
    ] as const) {
      it(`brings machines that ask too much down to it, with ${way}`, async () => {
        const { kms, client } = running();
        // Keys of one kind have one quota.
        const machines = await Promise.all(
          [1, 2, 3].map(async () => {
            const { arn } = await createKey(client, 'ECC_NIST_P256');
            const signer = await KmsSigner.open({ keyId: arn, ...kms.clientOptions, ...more });
            const admission = SignatureAdmission.of(signer);
            if (admission === undefined) throw new Error('a KmsSigner has limits');
            return { signer, admission };
          }),
        );
        const flood = async (): Promise<number[]> => {
          const asked = machines.flatMap(({ signer }) =>
            Array.from({ length: 20 }, () => signer.sign(operation)),
          );
          await Promise.allSettled(asked);
          return machines.map(({ admission }) => admission.rate);
        };
        await when('the machines to ask for less', flood, (rates) => rates.every((rate) => rate < 200));
        for (const { signer, admission } of machines) {
          expect(admission.throttled).to.be.above(0);
          signer.close();
        }
      });
    }

    it('hears of a throttle that a retry made good, in a server', async () => {
      const { kms, client } = running();
      const { arn } = await createKey(client, 'RSA_2048');
      const signer = await KmsSigner.open({ keyId: arn, ...kms.clientOptions });
      const cert = await createSelfSignedCertificate({ signer, subject: { CN: 'localhost' } });
      const admission = new SignatureAdmission();
      const server = createServer({ cert, signer, signatureLimits: admission });
      const port = await listen(server);
      await kms.misbehave({ kind: 'throttle', count: 1 });
      (await connectTls(port)).destroy();
      expect([admission.admitted, admission.extraRequests, admission.throttled]).to.deep.equal([1, 1, 1]);
      expect(admission.rate).to.be.below(800);
      await close(server);
      signer.close();
    });
  });
});
