import { expect } from 'chai';
import {
  deriveTicketKey,
  encryptingKey,
  GivenTicketKeys,
  RotatingTicketKeys,
  type TicketKey,
} from '../../lib/tls/context/ticket-keys.ts';

const HOUR = 3600;
const start = 1_800_000_000;

function names(keys: readonly TicketKey[]): string[] {
  return keys.map(({ bytes }) => Buffer.from(bytes).toString('hex'));
}

describe('Ticket keys that rotate by themselves', () => {
  it('take turns of an hour, and the next one is there a whole turn ahead', () => {
    const keys = new RotatingTicketKeys(2 * HOUR);
    const first = keys.at(start);
    expect(first.map(({ since }) => since - start)).to.deep.equal([0, HOUR]);
    expect(encryptingKey(keys, start + HOUR - 1)).to.equal(first[0]);
    expect(keys.freshUntil).to.equal(start + HOUR);
    const second = keys.at(start + HOUR);
    expect(second.slice(0, 2)).to.deep.equal(first);
    expect(second.map(({ since }) => since - start)).to.deep.equal([0, HOUR, 2 * HOUR]);
    expect(encryptingKey(keys, start + HOUR)).to.equal(first[1]);
  });

  it('are kept for as long as a ticket may come that they encrypted, and no longer', () => {
    const keys = new RotatingTicketKeys(2 * HOUR);
    const [first] = keys.at(start);
    for (let hour = 1; hour < 3; hour++) expect(keys.at(start + hour * HOUR)).to.include(first);
    expect(keys.at(start + 3 * HOUR - 1)).to.include(first);
    expect(keys.at(start + 3 * HOUR)).not.to.include(first);
  });

  it('are never the same, and never more than s2n-tls holds', () => {
    for (const sessionSeconds of [1, 2 * HOUR, 7 * 24 * HOUR]) {
      const keys = new RotatingTicketKeys(sessionSeconds);
      const seen = new Set<string>();
      let most = 0;
      for (let turn = 0; turn < 30; turn++) {
        const now = keys.at(start + turn * keys.turn);
        names(now).forEach((name) => seen.add(name));
        most = Math.max(most, now.length);
      }
      expect(seen.size).to.equal(31);
      expect(most).to.be.lessThan(20);
    }
  });

  it('always have one that encrypts, also after a server had nothing to do for long', () => {
    const keys = new RotatingTicketKeys(2 * HOUR);
    for (const pause of [0, HOUR / 2, HOUR, 1.5 * HOUR, 10 * HOUR, 1000 * HOUR]) {
      const now = start + pause;
      const key = encryptingKey(keys, now);
      expect(key.since).to.be.at.most(now);
      expect(now).to.be.lessThan(key.since + keys.turn);
    }
  });
});

describe('A ticket key that was given', () => {
  it('stays as it is', () => {
    const bytes = Buffer.alloc(48, 1);
    const keys = new GivenTicketKeys([bytes], start);
    bytes.fill(2);
    expect(Buffer.from(encryptingKey(keys, start + 1000 * HOUR).bytes)).to.deep.equal(Buffer.alloc(48, 1));
    expect(keys.freshUntil).to.equal(Infinity);
  });

  it('becomes another for each purpose, in name and in secret', () => {
    const key = { bytes: Buffer.alloc(48, 1), since: start };
    const [a, b, again] = ['a', 'b', 'a'].map((text) => deriveTicketKey(key, Buffer.from(text)));
    expect(a).to.deep.equal(again);
    expect(a?.since).to.equal(start);
    expect(a?.bytes).to.have.lengthOf(48);
    expect(names([a, b] as TicketKey[])[0]).not.to.equal(names([a, b] as TicketKey[])[1]);
    expect(a?.bytes.subarray(0, 16)).not.to.deep.equal(b?.bytes.subarray(0, 16));
    expect(a?.bytes.subarray(16)).not.to.deep.equal(b?.bytes.subarray(16));
  });
});
