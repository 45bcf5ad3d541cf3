// The server's process: one server a scenario. Its first line tells their ports; then it answers every line on its standard
// input with its accounts and what it holds, and ends with it.
import { readdirSync, openSync, readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { setTimeout as pause } from 'node:timers/promises';
import { diagnostics, LocalKeySigner } from '../../dist/lib/index.js';
import { sendLine, ServerAccount, Tally } from '../harness/accounts.mjs';
import { host } from './peer.mjs';
import { scenarios } from './scenarios.mjs';
import { kinds } from './servers.mjs';

const faults = new Set((process.env.SOAK_FAULTS ?? '').split(','));
const leaked = [];
const accounts = {};

function serve(scenario, identity) {
  const server = kinds[scenario.serve](identity);
  accounts[scenario.name] = new ServerAccount(server, { closed: breakOnPurpose });
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  return new Promise((resolve) => {
    server.listen(0, host, () => resolve([scenario.name, server.address().port]));
  });
}

/** `--fault`: the soak must find these. */
function breakOnPurpose(account) {
  if (faults.has('descriptors')) leaked.push(openSync('/dev/null'));
  if (faults.has('memory')) leaked.push(Buffer.alloc(100_000, 1));
  if (account.closed === 5 && faults.delete('accounting')) account.closed--;
}

/** Memory is read after the garbage is gone; finalizers run a turn later, and may leave more. */
async function sample() {
  for (let round = 0; round < 3; round++) {
    globalThis.gc();
    await pause(10);
  }
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage();
  return {
    event: 'sample',
    rss,
    native: rss - heapTotal,
    heap: heapUsed,
    external,
    descriptors: readdirSync('/proc/self/fd').length - 1, // without the one that lists them
    threads: readdirSync('/proc/self/task').length,
    handles: countByName(process.getActiveResourcesInfo()),
    exitListeners: process.listenerCount('exit'),
    engine: diagnostics(),
    accounts,
  };
}

/** Timers come and go with the sample itself. */
function countByName(names) {
  const tally = new Tally();
  for (const name of names) if (name !== 'Timeout') tally.add(name);
  return tally.counts;
}

const identity = {
  cert: readFileSync(process.env.BENCH_CERT, 'utf8'),
  local: new LocalKeySigner({ key: readFileSync(process.env.BENCH_KEY, 'utf8') }),
};
createInterface({ input: process.stdin })
  .on('line', async () => sendLine(await sample()))
  .on('close', () => process.exit());
const ports = await Promise.all(scenarios.map((scenario) => serve(scenario, identity)));
sendLine({ event: 'listening', ports: Object.fromEntries(ports) });
