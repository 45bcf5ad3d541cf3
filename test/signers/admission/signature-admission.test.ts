import { mock } from 'node:test';
import { expect } from 'chai';
import { AddressShares } from '../../../lib/signers/admission/address-share.ts';
import type { SignaturePlace } from '../../../lib/signers/admission/signature-place.ts';
import { TokenBucket } from '../../../lib/signers/admission/token-bucket.ts';
import { SignatureAdmission, SignaturesLimitedError, type SignatureLimits } from '../../../lib/index.ts';

const patient: SignatureLimits = { perSecond: Infinity, queueTimeout: 60_000, perAddress: false };

function refusalOf(admission: SignatureAdmission, host: string): SignaturesLimitedError {
  try {
    admission.enter(host);
  } catch (error) {
    if (error instanceof SignaturesLimitedError) return error;
    throw error;
  }
  throw new Error(`${host} was not refused`);
}

describe('SignatureAdmission', () => {
  it('lets as many in as may be under way, and then others as those leave', async () => {
    const admission = new SignatureAdmission({ ...patient, inFlight: 2 });
    const [first, second, third] = ['a', 'b', 'c'].map((host) => admission.enter(host));
    expect([first?.admitted, second?.admitted]).to.deep.equal([undefined, undefined]);
    expect([admission.inFlight, admission.queued]).to.deep.equal([2, 1]);
    first?.leave();
    await third?.admitted;
    expect(third?.queuedMs).to.be.at.least(0);
    expect([admission.inFlight, admission.queued]).to.deep.equal([2, 0]);
    first?.leave(); // A second time is nothing.
    second?.leave();
    third?.leave();
    expect([admission.inFlight, admission.admitted]).to.deep.equal([0, 3]);
  });

  it('lets networks take turns, whatever one of them has waiting', async () => {
    const admission = new SignatureAdmission({ ...patient, inFlight: 1 });
    let running = admission.enter('192.0.2.1');
    const order: string[] = [];
    const waiting: SignaturePlace[] = [];
    for (const host of ['192.0.2.1', '192.0.2.1', '192.0.2.1', '192.0.2.2', '192.0.2.3', '192.0.2.2']) {
      const place = admission.enter(host);
      void place.admitted?.then(() => order.push(host));
      waiting.push(place);
    }
    while (admission.queued > 0) {
      running.leave();
      const next = waiting.find(({ state }) => state === 'in-flight');
      await next?.admitted;
      if (next) running = next;
      if (next) waiting.splice(waiting.indexOf(next), 1);
    }
    expect(order.map((host) => host.slice(-1)).join('')).to.equal('123121');
  });

  it('has the network with most waiting give way when the queue is full, its newest first', async () => {
    const admission = new SignatureAdmission({ ...patient, inFlight: 1, queue: 3 });
    admission.enter('192.0.2.1');
    const flood = [1, 2, 3].map(() => admission.enter('192.0.2.1'));
    expect(refusalOf(admission, '192.0.2.1')).to.include({ limit: 'queue', addressPrefix: '192.0.2.1' });
    const other = admission.enter('192.0.2.2');
    expect(admission.queued).to.equal(3);
    const shed = await flood[2]?.admitted?.catch((error: unknown) => error);
    expect(shed).to.be.instanceOf(SignaturesLimitedError).and.include({ limit: 'queue' });
    expect(other.state).to.equal('waiting');
    // Of two networks with as many, none gives way to the other's next.
    expect(refusalOf(admission, '192.0.2.2').limit).to.equal('queue');
    expect(admission.refused).to.equal(3);
  });

  it('refuses at once what would wait too long for its own rate, and lets others pass', () => {
    const perAddress = { perSecond: 1, burst: 2 };
    const admission = new SignatureAdmission({ perSecond: Infinity, queueTimeout: 900, perAddress });
    expect(admission.enter('2001:db8::1').admitted).to.equal(undefined);
    expect(admission.enter('2001:db8::2').admitted).to.equal(undefined);
    expect(refusalOf(admission, '2001:db8::3')).to.include({
      limit: 'perAddress.perSecond',
      addressPrefix: '2001:db8:0:0/64',
      code: 'ERR_S2N_PKEY_SIGNATURES_LIMITED',
    });
    expect(admission.enter('2001:db8:0:1::1').admitted).to.equal(undefined);
  });

  it('keeps the wait of one network from those behind it', async () => {
    const perAddress = { inFlight: 1, perSecond: Infinity };
    const admission = new SignatureAdmission({ ...patient, inFlight: 3, perAddress });
    const crowded = admission.enter('192.0.2.1');
    const held = admission.enter('192.0.2.1');
    expect(admission.enter('192.0.2.2').admitted).to.equal(undefined);
    expect(held.state).to.equal('waiting');
    crowded.leave();
    await held.admitted;
    expect(held.state).to.equal('in-flight');
  });

  it('lets those go on whose rate allows it by then', async () => {
    const admission = new SignatureAdmission({ perSecond: 4, queueTimeout: 60_000, perAddress: false });
    admission.enter('192.0.2.1');
    const second = admission.enter('192.0.2.1');
    expect(second.state).to.equal('waiting');
    await second.admitted;
    expect(second.queuedMs).to.be.greaterThan(100);
  });

  it('gives up the place of one that goes, wherever in the line it stands', async () => {
    const admission = new SignatureAdmission({ ...patient, inFlight: 1 });
    const running = admission.enter('192.0.2.1');
    const places = [1, 2, 3, 4].map(() => admission.enter('192.0.2.1'));
    const gone = new Error('gone');
    for (const at of [1, 3, 0]) places[at]?.abandon(gone);
    expect(await places[1]?.admitted?.catch((error: unknown) => error)).to.equal(gone);
    expect([admission.queued, admission.abandoned]).to.deep.equal([1, 3]);
    running.leave();
    await places[2]?.admitted;
    expect([admission.queued, admission.inFlight]).to.deep.equal([0, 1]);
  });

  it('counts one that goes while its signature is under way until that is made, or for ten seconds', async () => {
    mock.timers.enable({ apis: ['setTimeout'] });
    try {
      const admission = new SignatureAdmission({ ...patient, inFlight: 2 });
      const [first, second] = ['a', 'b'].map((host) => admission.enter(host));
      for (const place of [first, second]) place?.abandon(new Error('gone'));
      expect(admission.inFlight).to.equal(2);
      first?.leave();
      expect(admission.inFlight).to.equal(1);
      mock.timers.tick(9_999);
      expect(admission.inFlight).to.equal(1);
      mock.timers.tick(1);
      second?.leave(); // Its signature comes after all: that counts once.
      expect(admission).to.include({ inFlight: 0, abandoned: 0 });
    } finally {
      mock.timers.reset();
    }
  });

  it('refuses at once where none is to wait, by the name of the limit', () => {
    const limits = { ...patient, queue: 0 };
    const busy = new SignatureAdmission({ ...limits, inFlight: 1 });
    busy.enter('192.0.2.1');
    expect(refusalOf(busy, '192.0.2.2').limit).to.equal('inFlight');
    const fast = new SignatureAdmission({ ...limits, perSecond: 1 });
    fast.enter('192.0.2.1');
    expect(refusalOf(fast, '192.0.2.2').limit).to.equal('perSecond');
    const crowded = new SignatureAdmission({ ...limits, perAddress: { inFlight: 1 } });
    crowded.enter('192.0.2.1');
    expect(refusalOf(crowded, '192.0.2.1').limit).to.equal('perAddress.inFlight');
  });

  it('remembers a bounded number of networks, and those with something under way in any case', () => {
    const limits = { perSecond: 1, burst: 1, inFlight: 1 };
    const shares = new AddressShares<SignaturePlace>(limits, 0, 100);
    const busy = shares.of('busy', 0);
    busy.begin();
    for (let n = 0; n < 10_000; n++) shares.of(`quiet ${n}`, 0).begin();
    expect(shares.size).to.be.greaterThan(100); // All of them are busy.
    const idle = new AddressShares<SignaturePlace>(limits, 0, 100);
    const kept = idle.of('busy', 0);
    kept.begin();
    for (let n = 0; n < 10_000; n++) {
      const share = idle.of(`quiet ${n}`, 0);
      share.begin();
      share.end();
    }
    expect(idle.size).to.be.at.most(101);
    expect(idle.of('busy', 0)).to.equal(kept);
  });
});

describe('TokenBucket', () => {
  it('gives its burst, and then so many a second', () => {
    const bucket = new TokenBucket(10, 3, 0);
    for (let n = 0; n < 3; n++) {
      expect(bucket.has(0)).to.equal(true);
      bucket.take();
    }
    expect(bucket.has(99)).to.equal(false);
    expect(bucket.wait(99, 2)).to.be.closeTo(101, 0.001);
    expect(bucket.has(100)).to.equal(true);
    expect(bucket.isFull(299)).to.equal(false);
    expect(bucket.isFull(10_000)).to.equal(true);
    expect(bucket.wait(10_000, 4)).to.be.closeTo(100, 0.001);
  });
});
