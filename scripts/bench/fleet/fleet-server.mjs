// A machine of `npm run bench:fleet`. Argument: `own` or `fleet`. Its first message has the port; it answers each message, the seconds
// that have passed since the start, with what it has been asked for by then.
import { createHmac } from 'node:crypto';
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { createServer, FleetTicketKeys, LocalKeySigner } from '../../../dist/lib/index.js';
import { addon } from '../../../dist/lib/native/addon.js';

let ahead = 0;
const counts = { signs: 0, secrets: 0 };
const realNow = Date.now.bind(Date);
Date.now = () => realNow() + ahead * 1000;

// s2n-tls has the clock of the system: it is given keys that are as old by that as they are by the moved one.
const native = addon();
const { Config } = native;
native.Config = class {
  constructor(options) {
    const { tickets } = options;
    if (!tickets) return new Config(options);
    const keys = tickets.keys.map(({ bytes, since }) => ({ bytes, since: since - ahead }));
    return new Config({ ...options, tickets: { ...tickets, keys } });
  }
};

let timers = [];
const clock = {
  now: () => Date.now(),
  random: Math.random,
  after(delay, run) {
    const timer = { at: Date.now() + delay, run };
    timers.push(timer);
    return () => (timers = timers.filter((each) => each !== timer));
  },
};

/** All machines have the same key: the fleet's HMAC key in KMS, of which one secret is one GenerateMac. */
const source = {
  async secretOf({ label }) {
    counts.secrets++;
    return createHmac('sha384', 'the HMAC key of the fleet').update(label).digest();
  },
};

async function moveTo(seconds) {
  for (;;) {
    const end = realNow() + seconds * 1000;
    const [next] = timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at);
    if (!next) break;
    timers = timers.filter((each) => each !== next);
    ahead = Math.max(ahead, (next.at - realNow()) / 1000);
    next.run();
    for (let turns = 0; turns < 20; turns++) await turn();
  }
  ahead = Math.max(ahead, seconds);
}

const { FLEET_KEY } = process.env;
const local = new LocalKeySigner({ key: FLEET_KEY });
const signer = {
  publicKey: local.publicKey,
  schemes: local.schemes,
  async sign(operation, options) {
    counts.signs++;
    return await local.sign(operation, options);
  },
};
const ticketKeys = process.argv[2] === 'fleet' ? new FleetTicketKeys(source, {}, clock) : undefined;
const available = ticketKeys && once(ticketKeys, 'available');
const server = createServer(
  { cert: process.env.FLEET_CERT, signer, ...(ticketKeys && { ticketKeys }) },
  (socket) => {
    socket.on('error', () => undefined);
    socket.end('hello');
  },
);
await available;
await once(server.listen(0, '127.0.0.1'), 'listening');
process.on('message', (seconds) => void moveTo(seconds).then(() => process.send(counts)));
process.on('disconnect', () => process.exit());
process.send({ port: server.address().port });
