import { createHash } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateKeyCommand, DisableKeyCommand, EnableKeyCommand } from '@aws-sdk/client-kms';
import { expect } from 'chai';
import {
  InvalidOptionError,
  openReplicas,
  SignatureAdmission,
  type ReplicasOptions,
  type ReplicatedSigner,
} from '../../../lib/index.ts';
import { hedged } from '../../../lib/signers/kms/hedge.ts';
import { inOrderOfLoad, RegionLoad } from '../../../lib/signers/kms/region-load.ts';
import { startLocalKms, type LocalKms } from '../../../lib/local-kms/start.ts';
import { simulateRegions } from '../../fixtures/simulated-regions.ts';
import { defined, sdkClient } from '../../local-kms/running-kms.ts';
import { rejectionOf } from '../rejection.ts';
import { withoutAwsConfiguration } from './aws-environment.ts';
import { when } from '../../fixtures/when.ts';

const operation = {
  scheme: 'ecdsa_secp256r1_sha256',
  input: createHash('sha256').update('a handshake').digest(),
  inputKind: 'digest',
} as const;

describe('openReplicas with spread', function () {
  this.timeout(60_000);
  withoutAwsConfiguration();
  let folder: string;
  let regions: LocalKms[];
  let keyId: string;
  const opened: ReplicatedSigner[] = [];
  const quota = 40;

  async function open(options: Partial<ReplicasOptions> = {}, of = regions): Promise<ReplicatedSigner> {
    const replicas = of.map((kms) => ({ keyId, ...kms.clientOptions }));
    const circuitBreaker = { pause: 20, longestPause: 20 };
    const signer = await openReplicas({ replicas, circuitBreaker, spread: true, ...options });
    opened.push(signer);
    return signer;
  }

  /** Signatures made so far, in each Region. */
  async function signed(): Promise<number[]> {
    const counters = await Promise.all(regions.map((kms) => kms.counters()));
    return counters.map((one) => one['Sign']?.outcomes['ok'] ?? 0);
  }

  async function signedBy(work: () => Promise<unknown>): Promise<number[]> {
    const before = await signed();
    await work();
    return (await signed()).map((count, at) => count - (before[at] ?? 0));
  }

  /** So many at once; resolves to how many were made. */
  async function signAtOnce(signer: ReplicatedSigner, count: number): Promise<number> {
    const all = await Promise.allSettled(Array.from({ length: count }, () => signer.sign(operation)));
    return all.filter(({ status }) => status === 'fulfilled').length;
  }

  // The quota of each Region is that of one second: each test has Regions with all of it.
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 's2n-pkey-spread-'));
    const first = await startLocalKms({ dataDirectory: join(folder, '0'), quota: { ecc: quota } });
    const client = sdkClient(first);
    const { KeyMetadata: metadata } = await client.send(
      new CreateKeyCommand({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY', MultiRegion: true }),
    );
    client.destroy();
    keyId = defined(metadata?.KeyId);
    const others = ['us-west-2', 'eu-west-1'].map((region) =>
      startLocalKms({
        ...{ dataDirectory: join(folder, region), region, replicasOf: first.dataDirectory },
        quota: { ecc: quota },
      }),
    );
    regions = [first, ...(await Promise.all(others))];
  });

  afterEach(async () => {
    for (const signer of opened.splice(0)) signer.close();
    await Promise.all(regions.map((kms) => kms.close()));
    await rm(folder, { recursive: true });
  });

  it('has each Region sign a part of what comes at once, and so more than the quota of one', async () => {
    const signer = await open();
    let made = 0;
    const parts = await signedBy(async () => (made = await signAtOnce(signer, 3 * quota)));
    expect(made).to.equal(3 * quota);
    for (const part of parts) expect(part).to.be.within(quota / 2, 2 * quota);
  });

  it('limits servers by the quotas of all Regions together', async () => {
    expect((await open()).quota).to.deep.equal({ perSecond: 3000, inFlight: 768 });
    expect((await open({ spread: false })).quota).to.deep.equal({ perSecond: 1000, inFlight: 256 });
  });

  it('leaves out a Region that cannot sign, and takes it in again', async () => {
    const signer = await open();
    const [first, ...others] = regions;
    const client = sdkClient(defined(first));
    await client.send(new DisableKeyCommand({ KeyId: keyId }));
    expect(await signAtOnce(signer, 12)).to.equal(12);
    const [none] = await signedBy(() => signAtOnce(signer, 12));
    expect(none).to.equal(0);
    await client.send(new EnableKeyCommand({ KeyId: keyId }));
    client.destroy();
    expect(others).to.have.length(2);
    await when(
      'the first Region to sign',
      () => signedBy(() => signAtOnce(signer, 6)),
      ([count = 0]) => count > 0,
    );
  });

  it('asks a second Region where the first takes long, and the first good answer counts', async () => {
    const [first, second] = regions;
    const pair = [defined(first), defined(second)];
    const signer = await open({ hedging: { percentile: 0.9, share: 0.5 }, timeout: 60_000 }, pair);
    // Enough latencies to know what is long.
    for (let at = 0; at < 60; at++) await signer.sign(operation).catch(() => undefined);
    const admission = defined(SignatureAdmission.of(signer));
    const extra = admission.extraRequests;
    // The one that is next hangs; meanwhile another may have become the next.
    let next = signer.active;
    for (let hanging = -1; hanging !== next; next = signer.active) {
      await pair[hanging]?.behave();
      hanging = next;
      await defined(pair[hanging]).misbehave({ kind: 'hang' });
    }
    await signer.sign(operation); // Its part of the time would be half a minute.
    expect(admission.extraRequests).to.equal(extra + 1);
  });

  it('does not lower the rate of a server by a Region that throttles while another signs', async () => {
    const signer = await open();
    const admission = defined(SignatureAdmission.of(signer));
    await defined(regions[0]).misbehave({ kind: 'throttle' });
    expect(await signAtOnce(signer, 30)).to.equal(30);
    expect([admission.throttled, admission.rate]).to.deep.equal([0, 2400]);
  });

  it('names what it does not understand', async () => {
    for (const [options, option] of [
      [{ spread: 'yes' }, 'spread'],
      [{ hedging: { share: 2 } }, 'hedging.share'],
      [{ hedging: true }, 'hedging'],
    ] as const) {
      const replicas = [{ keyId: 'a' }, { keyId: 'b' }];
      const error = await rejectionOf(openReplicas({ replicas, ...options } as unknown as ReplicasOptions));
      expect(error, option).to.be.instanceOf(InvalidOptionError).with.property('option', option);
    }
  });
});

describe('Regions in order of their load', () => {
  const region = (): { load: RegionLoad } => ({ load: new RegionLoad(0) });

  it('begin with the quickest, and with the one that has least to do', () => {
    const [near, far] = [region(), region()];
    for (const [one, latency] of [
      [near, 5],
      [far, 20],
    ] as const) {
      one.load.begin(0);
      one.load.end(0, latency);
    }
    expect(inOrderOfLoad([far, near], 0)[0]).to.equal(near);
    for (let at = 0; at < 4; at++) near.load.begin(0);
    expect(inOrderOfLoad([near, far], 0)[0]).to.equal(far);
  });

  it('end with those whose quota is used up, and with more of them after a throttle', () => {
    const [used, slow] = [region(), region()];
    slow.load.begin(0);
    slow.load.end(0, 500);
    for (let at = 0; at < 1000; at++) {
      expect(inOrderOfLoad([used, slow], 0)[0]).to.equal(used);
      used.load.begin(0);
      used.load.end(0, 1);
    }
    expect(inOrderOfLoad([used, slow], 0)[0]).to.equal(slow);
    slow.load.throttled(0);
    expect(slow.load.available(0)).to.be.within(699, 700);
  });

  it('try a slow Region again after some time', () => {
    const [quick, slow] = [region(), region()];
    quick.load.begin(0);
    quick.load.end(0, 10);
    slow.load.begin(0);
    slow.load.end(0, 300);
    const at = (now: number): unknown => {
      quick.load.begin(now);
      quick.load.end(now, 10);
      return inOrderOfLoad([quick, slow], now)[0];
    };
    expect(at(1_000)).to.equal(quick);
    expect(at(60_000)).to.equal(slow);
  });

  it('sign nearly three times as much as one with three, each with a quota of 1,000 a second', async () => {
    const one = await simulateRegions({ latencies: [10], perSecond: 4_000, seconds: 10 });
    const three = await simulateRegions({ latencies: [10, 10, 10], perSecond: 4_000, seconds: 10 });
    expect(three.signed / one.signed).to.be.within(2.8, 3.01);
  });

  it('keep the 99th percentile of the quick ones when one is slow', async () => {
    const quick = await simulateRegions({ latencies: [10, 10], perSecond: 1_500, seconds: 20 });
    const mixed = await simulateRegions({ latencies: [10, 10, 300], perSecond: 1_500, seconds: 20 });
    expect(mixed.refused + quick.refused).to.equal(0);
    expect(mixed.p99).to.be.at.most(quick.p99 * 1.2);
    // From the middle of the run on.
    const later = await simulateRegions({
      latencies: [10, 10, 10],
      slowAt: 10,
      perSecond: 1_500,
      seconds: 20,
    });
    expect(later.p99).to.be.at.most(quick.p99 * 1.2);
  });
});

describe('a hedge', () => {
  const never = (signal: AbortSignal): Promise<string> =>
    new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error)));

  it('takes the first result, and aborts the other', async () => {
    let aborted: unknown;
    const first = (signal: AbortSignal): Promise<string> => {
      signal.addEventListener('abort', () => {
        aborted = signal.reason;
      });
      return never(signal);
    };
    const second = () => () => Promise.resolve('second');
    expect(await hedged({ first, second, after: 1, signal: undefined })).to.equal('second');
    expect(String(aborted)).to.include('another Region has signed');
  });

  it('fails at once as the first way does, and with both as the first does', async () => {
    const first = (): Promise<string> => Promise.reject(new Error('first'));
    const second = (): never => expect.fail('it is over');
    expect(await rejectionOf(hedged({ first, second, after: 60_000, signal: undefined }))).to.have.property(
      'message',
      'first',
    );
    let fail: (error: Error) => void = () => undefined;
    const late = hedged({
      ...{ after: 1, signal: undefined },
      first: () => new Promise<string>((_, reject) => (fail = reject)),
      second: () => () => {
        setImmediate(() => fail(new Error('first')));
        return Promise.reject(new Error('second'));
      },
    });
    expect(await rejectionOf(late)).to.have.property('message', 'first');
  });

  it('ends both when nobody wants the result any more', async () => {
    const controller = new AbortController();
    const second = () => (signal: AbortSignal) => {
      setImmediate(() => controller.abort(new Error('gone')));
      return never(signal);
    };
    const error = await rejectionOf(hedged({ first: never, second, after: 1, signal: controller.signal }));
    expect(error).to.have.property('message', 'gone');
  });
});
