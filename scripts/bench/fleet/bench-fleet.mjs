// `npm run bench:fleet`: how many of 1,000 clients that come back need a signature, for servers with ticket keys of their own and with
// those of a fleet, in 1, 8 and 32 processes behind a TCP balancer that takes turns. Clients arrive within an hour, and come back after
// 1 s to 1 h; the clock of the servers is moved, so epochs change in between. Prints a table, and what it saves a month at the prices
// of `--sign` and `--mac` (dollars for 10,000 requests). `-- --publish` writes both, and a plot, into docs/.
import { fork } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { connect as connectTcp, createServer } from 'node:net';
import { cpus } from 'node:os';
import { connect } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { root } from '../../checkout.mjs';
import { createSelfSignedCertificate, LocalKeySigner } from '../../../dist/lib/index.js';
import { fleetPlot } from './fleet-plot.mjs';

const { values: given } = parseArgs({
  options: {
    sign: { type: 'string', default: '0.15' },
    mac: { type: 'string', default: '0.03' },
    clients: { type: 'string', default: '1000' },
    publish: { type: 'boolean', default: false },
  },
});
const clients = Number(given.clients);
const sizes = [1, 8, 32];
const kinds = ['own', 'fleet'];
const hour = 3600;
/** Seconds that pass at once. */
const step = 60;
const goals = { signs: 10, macs: 30 };

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const key = privateKey.export({ type: 'pkcs8', format: 'pem' });
const signer = new LocalKeySigner({ key });
const cert = await createSelfSignedCertificate({ signer, subject: 'CN=fleet.example' });
const env = { ...process.env, FLEET_KEY: key, FLEET_CERT: cert };

/** Numbers that are the same in each run (mulberry32). */
function randomNumbers(seed) {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Both visits of each client, in the order of time. A short time away is as likely as a long one (logarithmically). */
function visits() {
  const random = randomNumbers(18);
  const all = Array.from({ length: clients }, (_, client) => {
    const first = random() * hour;
    const again = first + hour ** random();
    return [
      { client, at: first, returns: false },
      { client, at: again, returns: true },
    ];
  });
  return all.flat().sort((a, b) => a.at - b.at);
}

class Fleet {
  #children = [];
  #turn = 0;
  #balancer;
  #ports = [];

  static async start(kind, size) {
    const fleet = new Fleet();
    const program = fileURLToPath(new URL('fleet-server.mjs', import.meta.url));
    for (let each = 0; each < size; each++) fleet.#children.push(fork(program, [kind], { env }));
    for (const child of fleet.#children) fleet.#ports.push((await once(child, 'message'))[0].port);
    fleet.#balancer = createServer((socket) => {
      const port = fleet.#ports[fleet.#turn++ % size];
      const server = connectTcp(port, '127.0.0.1');
      for (const [one, other] of [
        [socket, server],
        [server, socket],
      ]) {
        one.on('error', () => other.destroy());
        one.pipe(other);
      }
    });
    await once(fleet.#balancer.listen(0, '127.0.0.1'), 'listening');
    return fleet;
  }

  get port() {
    return this.#balancer.address().port;
  }

  async moveTo(seconds) {
    return await Promise.all(
      this.#children.map(async (child) => {
        child.send(seconds);
        const [counts] = await once(child, 'message');
        return counts;
      }),
    );
  }

  async close() {
    this.#balancer.close();
    for (const child of this.#children) {
      child.disconnect();
      await once(child, 'exit');
    }
  }
}

async function visit(port, session) {
  const socket = connect({ port, host: '127.0.0.1', rejectUnauthorized: false, ...(session && { session }) });
  let next;
  socket.on('session', (ticket) => (next = ticket));
  socket.resume();
  await once(socket, 'close');
  return next;
}

const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

async function measure(kind, size) {
  const fleet = await Fleet.start(kind, size);
  try {
    const sessions = new Map();
    let at = 0;
    for (const { client, at: when } of visits()) {
      if (when >= at + step) await fleet.moveTo((at = Math.floor(when / step) * step));
      sessions.set(client, await visit(fleet.port, sessions.get(client)));
    }
    const counts = await fleet.moveTo(at);
    const signs = sum(counts.map((each) => each.signs)) - clients;
    const before = sum(counts.map((each) => each.secrets));
    let after = counts;
    for (let passed = 1; passed <= 24; passed++) after = await fleet.moveTo(at + passed * hour);
    const macs = (sum(after.map((each) => each.secrets)) - before) / size;
    return { kind, size, signs: (signs / clients) * 1000, macs };
  } finally {
    await fleet.close();
  }
}

const results = [];
for (const size of sizes) {
  for (const kind of kinds) {
    const result = await measure(kind, size);
    results.push(result);
    console.error(
      `${kind}, ${size}: ${result.signs.toFixed(0)} signatures, ${result.macs.toFixed(0)} GenerateMac`,
    );
  }
}

const names = { own: 'keys of their own', fleet: 'keys of the fleet' };
const lines = [
  `${new Date().toISOString().slice(0, 10)}, Node ${process.versions.node}, ${cpus()[0]?.model ?? 'unknown'}; ${clients} clients that come back after 1 s to 1 h`,
  '',
  'processes  ticket keys        signatures per 1,000 returns  GenerateMac a day and process',
  ...results.map(({ kind, size, signs, macs }) =>
    [
      String(size).padStart(9),
      names[kind].padEnd(17),
      signs.toFixed(0).padStart(28),
      macs.toFixed(0).padStart(29),
    ].join('  '),
  ),
  '',
  `A month of 30 days, 8 machines; $${given.sign} for 10,000 Sign, $${given.mac} for 10,000 GenerateMac, $1 for the HMAC key:`,
  'full handshakes a second of clients that come back, with own keys  saved a month',
];
const find = (kind, size) => results.find((each) => each.kind === kind && each.size === size);
const [own, fleet] = [find('own', 8), find('fleet', 8)];
for (const rate of [10, 100, 1000]) {
  const month = 30 * 86_400;
  const spared = rate * month * (1 - fleet.signs / own.signs);
  const saved = (spared * Number(given.sign) - 8 * fleet.macs * 30 * Number(given.mac)) / 10_000 - 1;
  lines.push(`${String(rate).padStart(66)}  ${`$${Math.round(saved).toLocaleString('en-US')}`.padStart(13)}`);
}
console.log(lines.join('\n'));
const missed = results.filter(
  ({ kind, signs, macs }) => kind === 'fleet' && (signs > goals.signs || macs > goals.macs),
);
console.log(
  missed.length === 0
    ? `\nThe goals are met: at most ${goals.signs} signatures, and ${goals.macs} GenerateMac.`
    : `\nMissed with ${missed.map(({ size }) => size).join(', ')} processes: at most ${goals.signs} signatures, and ${goals.macs} GenerateMac.`,
);
if (given.publish) {
  writeFileSync(`${root}/docs/fleet.txt`, `${lines.join('\n')}\n`);
  writeFileSync(`${root}/docs/fleet.svg`, fleetPlot(results, names, lines[0]));
}
process.exitCode = missed.length === 0 ? 0 : 1;
