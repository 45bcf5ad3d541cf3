// `npm run bench:kms`: what a signature by KMS takes of the event loop's thread: by the AWS SDK, by this package's own requests, and by a
// thread of the signer's own. The local KMS is another process. The three take turns; medians are printed, with the least and the
// greatest. Then how long signatures take that KMS throttles once, while the event loop is busy in bursts, which is what the thread is for.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { cpus, release } from 'node:os';
import { setImmediate as turn, setTimeout as pause } from 'node:timers/promises';
import { runAsScript } from '../command.mjs';
import { setUp } from '../build/setup.mjs';

/** Goal of the fast path: this part of the event loop's CPU that the AWS SDK takes in the same run. */
const goal = 0.2;
const atOnce = 16;
const rounds = 9;
const usage = 'npm run bench:kms [-- --no-build] [--rounds N] [--signatures N]';
const kinds = [
  { name: 'AWS SDK', options: { requests: 'sdk' } },
  { name: 'fast', options: { requests: 'fast' } },
  { name: 'fast, in a worker thread', options: { requests: 'fast', thread: 'worker' } },
];

async function benchKms(args) {
  const options = parse(args);
  if (options === undefined) {
    console.log(usage);
    return;
  }
  if (options.build) await setUp();
  const { KmsSigner } = await import('../../dist/lib/index.js');
  const { BenchKms } = await import('./local-kms.mjs');
  const { summary } = await import('./statistics.mjs');
  const kms = await BenchKms.start(undefined);
  const signers = [];
  try {
    const { keyId, endpoint, region, credentials } = await kms.createKey('ECC_NIST_P256');
    for (const kind of kinds) {
      const signer = await KmsSigner.open({ keyId, endpoint, region, credentials, ...kind.options });
      signers.push({ ...kind, signer, costs: [], waits: [] });
    }
    for (let round = -1; round < options.rounds; round++) {
      for (const { signer, costs, waits } of signers) {
        const cost = await costOf(signer, options.signatures);
        await kms.throttle(atOnce);
        const wait = await waitWhileBusy(signer);
        if (round < 0) continue; // The first round is for the compiler, and opens the connections.
        costs.push(cost);
        waits.push(wait);
      }
    }
    report(signers, summary, options);
  } finally {
    for (const { signer } of signers) signer.close();
    await kms.close();
  }
}

function parse(args) {
  const options = { build: true, rounds, signatures: 2000 };
  for (let i = 0; i < args.length; i++) {
    if (args[i] === '--no-build') options.build = false;
    else if (args[i] === '--rounds' || args[i] === '--signatures') {
      const value = Number(args[i + 1]);
      if (!Number.isInteger(value) || value < 1) throw new Error(`${args[i]}: a whole number. ${usage}`);
      options[args[i].slice(2)] = value;
      i++;
    } else if (args[i] === '--help') return undefined;
    else throw new Error(`${args[i]} is none of its options. ${usage}`);
  }
  return options;
}

function asked() {
  return { scheme: 'ecdsa_secp256r1_sha256', input: randomBytes(32), inputKind: 'digest' };
}

/** Milliseconds of this thread's CPU for one signature, `atOnce` under way. */
async function costOf(signer, signatures) {
  let left = signatures;
  const before = threadTime();
  const sign = async () => {
    while (left-- > 0) await signer.sign(asked());
  };
  await Promise.all(Array.from({ length: atOnce }, sign));
  return (threadTime() - before) / 1e6 / signatures;
}

/** Nanoseconds of CPU that the main thread has had (proc(5), schedstat). */
function threadTime() {
  return Number(readFileSync(`/proc/self/task/${process.pid}/schedstat`, 'utf8').split(' ')[0]);
}

/** Milliseconds until `atOnce` signatures are there, while the event loop is busy for 200 ms of every 205. */
async function waitWhileBusy(signer) {
  const start = performance.now();
  let done = false;
  const signed = Promise.all(Array.from({ length: atOnce }, () => signer.sign(asked()))).then(
    () => (done = true),
  );
  await turn(); // They are asked for before the event loop is busy.
  while (!done) {
    const until = performance.now() + 200;
    while (performance.now() < until);
    await pause(5);
  }
  await signed;
  return performance.now() - start;
}

function report(signers, summary, { rounds, signatures }) {
  const line = (name, values, digits) => {
    const { median, min, max } = summary(values);
    const [middle, least, greatest] = [median, min, max].map((value) => value.toFixed(digits));
    return `  ${name.padEnd(26)}${middle.padStart(8)} ms  (${least} to ${greatest})`;
  };
  console.log(`event loop's CPU for a signature, ${atOnce} at once, ${rounds} × ${signatures}, median:`);
  for (const { name, costs } of signers) console.log(line(name, costs, 4));
  const [sdk, fast] = signers.map(({ costs }) => summary(costs).median);
  const part = (fast / sdk).toFixed(2);
  console.log(
    `  fast takes ${part} of the AWS SDK's; goal: ${goal} at most, ${part <= goal ? 'met' : 'missed'}`,
  );
  console.log(
    `time until ${atOnce} signatures are there, each throttled once, the event loop busy for 200 ms of every 205, median:`,
  );
  for (const { name, waits } of signers) console.log(line(name, waits, 0));
  const cpu = cpus()[0]?.model ?? 'unknown';
  console.log(`Node ${process.version}, ${cpu}, Linux ${release()}; the local KMS in another process`);
}

await runAsScript(import.meta.url, benchKms);
