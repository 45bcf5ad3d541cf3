import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { expect } from 'chai';
import {
  FleetTicketKeys,
  type FleetTicketKeysOptions,
  type TicketClock,
} from '../../lib/tls/context/fleet-ticket-keys.ts';
import type { EpochSecret, TicketEpoch, TicketKeySource } from '../../lib/tls/context/ticket-key-source.ts';
import { encryptingKey, type TicketKeys } from '../../lib/tls/context/ticket-keys.ts';

const HOUR = 3600;
const DAY = 24 * HOUR;
/** In the midst of an epoch. */
const start = 1_800_001_800;
const sessionSeconds = 2 * HOUR;

/** Time that the test moves, with everything that is to happen meanwhile. */
class MovedClock implements TicketClock {
  readonly #source: TestSource;
  #now = start * 1000;
  #timers: { at: number; run: () => void }[] = [];
  fraction = 0.5;

  constructor(source: TestSource) {
    this.#source = source;
  }

  now(): number {
    return this.#now;
  }

  random(): number {
    return this.fraction;
  }

  after(delay: number, run: () => void): () => void {
    const timer = { at: this.#now + delay, run };
    this.#timers.push(timer);
    return () => (this.#timers = this.#timers.filter((each) => each !== timer));
  }

  async pass(seconds: number): Promise<void> {
    const end = this.#now + seconds * 1000;
    await this.#source.idle();
    for (;;) {
      const [next] = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
      if (!next) break;
      this.#timers = this.#timers.filter((each) => each !== next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
      await this.#source.idle();
    }
    this.#now = end;
  }
}

/** What all machines of a fleet ask. */
class TestSource implements TicketKeySource {
  readonly asked: TicketEpoch[] = [];
  isAway = false;
  /** What the source tells of the time, in milliseconds since 1970. */
  time: (() => number) | undefined;
  key = 'the key of the fleet';
  #pending = 0;

  async secretOf(epoch: TicketEpoch): Promise<Uint8Array | EpochSecret> {
    this.#pending++;
    try {
      await Promise.resolve();
      if (this.isAway) throw new Error('the source is away');
      this.asked.push(epoch);
      const secret = createHmac('sha384', this.key).update(epoch.label).digest();
      return this.time ? { secret, time: this.time() } : secret;
    } finally {
      this.#pending--;
    }
  }

  /** Once nothing is asked for any more. */
  async idle(): Promise<void> {
    for (let turns = 0; turns < 5 || this.#pending > 0; turns++) await new Promise(setImmediate);
  }
}

interface Machine {
  readonly source: TestSource;
  readonly clock: MovedClock;
  readonly fleet: FleetTicketKeys;
  readonly keys: TicketKeys;
  readonly errors: Error[];
  readonly now: () => number;
  /** The name of the key that encrypts, in hexadecimal. */
  readonly encrypting: () => string;
  readonly decrypting: () => string[];
}

const nameOf = (bytes: Uint8Array): string => Buffer.from(bytes.subarray(0, 16)).toString('hex');

const opened: FleetTicketKeys[] = [];

function machine(options: FleetTicketKeysOptions = {}, source = new TestSource()): Machine {
  const clock = new MovedClock(source);
  const fleet = new FleetTicketKeys(source, options, clock);
  opened.push(fleet);
  const errors: Error[] = [];
  fleet.on('unavailable', (error) => errors.push(error));
  const keys = fleet.keysFor(sessionSeconds);
  const now = (): number => Math.floor(clock.now() / 1000);
  return {
    ...{ source, clock, fleet, keys, errors, now },
    encrypting: () => nameOf(encryptingKey(keys, now()).bytes),
    decrypting: () => keys.at(now()).map(({ bytes }) => nameOf(bytes)),
  };
}

describe('Ticket keys of a fleet', () => {
  afterEach(() => {
    for (const fleet of opened.splice(0)) fleet.close();
  });

  it('are the same on all machines, an hour each, by the clock alone', async () => {
    const [one, other] = [machine(), machine()];
    other.clock.fraction = 0.9; // It asks at other moments.
    const seen = new Set<string>();
    for (let hour = 0; hour < 30; hour++) {
      await one.clock.pass(HOUR);
      await other.clock.pass(HOUR);
      expect(one.encrypting()).to.equal(other.encrypting());
      expect(encryptingKey(one.keys, one.now()).since % HOUR).to.equal(0);
      seen.add(one.encrypting());
    }
    expect(seen.size).to.equal(30);
  });

  it('are asked for once each, and at most 30 a day', async () => {
    const { clock, source } = machine();
    await clock.pass(0);
    const atStart = source.asked.length;
    await clock.pass(10 * DAY);
    expect(source.asked.length - atStart).to.equal(240);
    const labels = source.asked.map(({ label }) => Buffer.from(label).toString());
    expect(new Set(labels).size).to.equal(labels.length);
  });

  it('ask for what encrypts now first', async () => {
    const { clock, source, now } = machine();
    await clock.pass(0);
    const [first, second] = source.asked.map(({ begin }) => begin);
    expect(first).to.equal(Math.floor(now() / HOUR) * HOUR);
    expect(second).to.equal(first === undefined ? undefined : first + HOUR);
  });

  it('decrypt on a machine whose clock is half a minute early or late, before and after a change', async () => {
    const [right, early, late] = [machine(), machine(), machine()];
    await right.clock.pass(0);
    await early.clock.pass(30);
    await late.clock.pass(0);
    // `right` moves from half a minute before the change to half a minute after it.
    const untilChange = HOUR - (start % HOUR);
    for (const at of [untilChange - 30, untilChange - 1, untilChange, untilChange + 29]) {
      const [now] = [start + at - right.now()];
      await right.clock.pass(now);
      await early.clock.pass(right.now() + 30 - early.now());
      await late.clock.pass(Math.max(0, right.now() - 30 - late.now()));
      for (const ticket of [right, early, late].map((each) => each.encrypting()))
        for (const each of [right, early, late]) expect(each.decrypting()).to.include(ticket);
    }
  });

  it('outlast a day without the source', async () => {
    const [one, other] = [machine(), machine()];
    await one.clock.pass(0);
    await other.clock.pass(0);
    one.source.isAway = true;
    for (let hour = 0; hour < 24; hour++) {
      await one.clock.pass(HOUR);
      await other.clock.pass(HOUR);
      expect(one.encrypting()).to.equal(other.encrypting());
    }
    expect(one.errors).to.not.be.empty;
    expect(one.errors[0]).to.include({ code: 'ERR_S2N_PKEY_TICKET_KEYS_UNAVAILABLE' });
    expect(one.errors[0]?.message).to.contain('the source is away');
    // Beyond their reach it goes on by itself, and joins again.
    await one.clock.pass(3 * HOUR);
    await other.clock.pass(3 * HOUR);
    expect(one.encrypting()).not.to.equal(other.encrypting());
    const own = one.encrypting();
    one.source.isAway = false;
    await one.clock.pass(600);
    await other.clock.pass(600);
    expect(one.encrypting()).to.equal(other.encrypting());
    expect(one.decrypting()).to.include(own);
  });

  it('start without the source: with keys of the machine, whose tickets are taken after it has joined', async () => {
    const source = new TestSource();
    source.isAway = true;
    const { clock, fleet, encrypting, decrypting, keys } = machine({}, source);
    await clock.pass(0);
    const own = encrypting();
    expect(fleet.state.heldUntil).to.equal(undefined);
    source.isAway = false;
    const before = keys.version;
    const available = once(fleet, 'available');
    await clock.pass(60);
    await available;
    expect(keys.version).not.to.equal(before);
    expect(encrypting()).not.to.equal(own);
    expect(decrypting()).to.include(own);
    await clock.pass(sessionSeconds);
    expect(decrypting()).not.to.include(own);
  });

  it('never are two that encrypt at once, nor more than s2n-tls holds', async () => {
    const source = new TestSource();
    source.isAway = true;
    const { clock, keys, now } = machine({ reach: 28 * HOUR * 1000 }, source);
    for (let step = 0; step < 200; step++) {
      await clock.pass(1000);
      source.isAway = step % 50 < 20;
      const all = keys.at(now());
      const encrypting = all.filter(({ since }) => since <= now() && now() < since + keys.turn);
      expect(encrypting, `at ${step}`).to.have.length(1);
      expect(all.length).to.be.at.most(48);
      expect(new Set(all.map(({ bytes }) => nameOf(bytes))).size).to.equal(all.length);
    }
  });

  it('are gone, with their secrets, once the last ticket of their epoch has expired', async () => {
    const { clock, keys, now } = machine();
    await clock.pass(0);
    const held = encryptingKey(keys, now());
    await clock.pass(HOUR + sessionSeconds - (start % HOUR) - 1);
    expect(keys.at(now()).map(({ bytes }) => bytes)).to.include(held.bytes);
    await clock.pass(2);
    await clock.pass(0);
    expect([...held.bytes].every((byte) => byte === 0)).to.equal(true);
    expect(keys.at(now()).map(({ bytes }) => bytes)).not.to.include(held.bytes);
  });

  it('are others for another generation, another key, and another length of sessions', async () => {
    const names = [];
    const other = new TestSource();
    other.key = 'another key';
    for (const each of [machine(), machine({ generation: 1 }), machine({}, other)]) {
      await each.clock.pass(0);
      names.push(each.encrypting());
    }
    const { clock, fleet, now } = machine();
    const week = fleet.keysFor(7 * DAY);
    await clock.pass(0);
    names.push(nameOf(encryptingKey(week, now()).bytes));
    expect(new Set(names).size).to.equal(4);
    expect(week.turn).to.equal((7 * DAY) / 8);
  });

  it('warn of a clock that is a minute off, and are not used where it is more than an hour off', async () => {
    const warnings: Error[] = [];
    const listen = (warning: Error): unknown => warnings.push(warning);
    process.on('warning', listen);
    try {
      const source = new TestSource();
      let ahead = 90_000;
      source.time = () => clock.now() - ahead;
      const { clock, fleet, encrypting } = machine({}, source);
      const right = machine();
      await right.clock.pass(0);
      await clock.pass(0);
      expect(fleet.state.clockAhead).to.equal(90_000);
      expect(encrypting()).to.equal(right.encrypting());
      ahead = 2 * HOUR * 1000;
      await clock.pass(2 * HOUR);
      await right.clock.pass(2 * HOUR);
      expect(encrypting()).not.to.equal(right.encrypting());
      expect(fleet.state.heldUntil).to.equal(undefined);
      await new Promise(setImmediate);
      expect(warnings.map((each) => 'code' in each && each.code)).to.deep.equal([
        'S2N_PKEY_TICKET_KEYS_CLOCK',
      ]);
      expect(warnings[0]?.message).to.contain('90 s ahead');
    } finally {
      process.off('warning', listen);
    }
  });

  it('ask no more once they are closed', async () => {
    const { clock, fleet, source, encrypting } = machine();
    await clock.pass(0);
    const asked = source.asked.length;
    fleet.close();
    await clock.pass(DAY);
    expect(source.asked.length).to.equal(asked);
    expect(encrypting()).to.be.a('string');
  });
});
