// One run: the local KMS, the server in another process, the load in this one, and the weather.
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { KMSClient } from '@aws-sdk/client-kms';
import { createKey, createSelfSignedCertificate, KmsSigner } from '../../dist/lib/index.js';
import { startLocalKms } from '../../dist/lib/local-kms/start.js';
import { LineProcess } from '../harness/line-process.mjs';
import { inWords } from '../harness/accounts.mjs';
import { Load } from './load.mjs';
import { TlsPassage } from './tls-passage.mjs';
import { weather } from './weather.mjs';

const recoveryPatience = 30_000;
const wellAgain = 20; // handshakes in a row

/** A local KMS that can be killed, and comes back on the same port with the same keys. */
class MortalKms {
  #options;
  #kms;

  static async start(folder) {
    const mortal = new MortalKms();
    const credentials = { accessKeyId: 'CHAOS', secretAccessKey: randomBytes(30).toString('base64') };
    mortal.#options = { dataDirectory: join(folder, 'kms'), credentials };
    mortal.#kms = await startLocalKms(mortal.#options);
    mortal.#options.port = Number(new URL(mortal.#kms.endpoint).port);
    return mortal;
  }

  get clientOptions() {
    return this.#kms.clientOptions;
  }

  get environment() {
    const { region, credentials } = this.#kms;
    return {
      AWS_REGION: region,
      AWS_ACCESS_KEY_ID: credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
    };
  }

  async become(misbehaviours) {
    await this.#kms.behave();
    for (const misbehaviour of misbehaviours) await this.#kms.misbehave(misbehaviour);
  }

  kill() {
    return this.#kms.kill();
  }

  async restart() {
    this.#kms = await startLocalKms(this.#options);
  }

  close() {
    return this.#kms.close();
  }
}

export async function runChaos({ seconds, rate, faults, folder, stopped, say }) {
  const kms = await MortalKms.start(folder);
  let server;
  let passage;
  try {
    const { arn } = await makeKey(kms, folder);
    passage = await TlsPassage.start(kms.clientOptions.endpoint, folder);
    const script = fileURLToPath(new URL('server.mjs', import.meta.url));
    server = new LineProcess(
      "the chaos' server",
      process.execPath,
      [script, join(folder, 'cert.pem'), arn, passage.endpoint],
      {
        ...{ ...process.env, ...kms.environment, CHAOS_FAULTS: faults.join() },
        NODE_EXTRA_CA_CERTS: passage.authorityFile,
      },
    );
    const { host, port } = await server.next('listening');
    const load = new Load(host, port);
    say(
      `the server is process ${server.pid}; ${weather.length} kinds of weather in ${seconds} s, ${rate} handshakes a second.`,
    );
    const stop = load.start(rate);
    const share = (seconds * 1000) / weather.length;
    for (const day of weather) {
      if (stopped.aborted) break;
      const before = { ...load.outcomes.counts };
      await kms.become(day.misbehaviours);
      if (day.kill) {
        await kms.kill();
        await pause(share / 2);
        await kms.restart();
        await pause(share / 2);
      } else {
        await pause(share, undefined, { signal: stopped }).catch(() => {});
      }
      say(`${day.name.padEnd(22)} clients: ${inWords(since(before, load.outcomes.counts))}`);
    }
    stop();
    await kms.become([]);
    await load.rest();
    const recovery = await recover(load);
    await server.end();
    const account = await server.next('account');
    const { before, after } = await server.next('rest');
    const client = { begun: load.begun, outcomes: load.outcomes.counts };
    const { opened, refused } = passage;
    return { client, server: account, kms: { opened, refused }, before, after, recovery };
  } finally {
    await server?.end().catch(() => {});
    passage?.close();
    await kms.close();
  }
}

async function makeKey(kms, folder) {
  const options = kms.clientOptions;
  const client = new KMSClient(options);
  const { arn } = await createKey(client, { keySpec: 'ECC_NIST_P256' });
  client.destroy();
  const signer = await KmsSigner.open({ keyId: arn, ...options });
  writeFileSync(
    join(folder, 'cert.pem'),
    await createSelfSignedCertificate({ signer, subject: { CN: 'localhost' } }),
  );
  signer.close();
  return { arn };
}

/** How many milliseconds until handshakes complete, one after the other; undefined: they do not. */
async function recover(load) {
  const start = performance.now();
  let inARow = 0;
  let first = 0;
  while (inARow < wellAgain) {
    if (performance.now() - start > recoveryPatience) return undefined;
    const outcome = await load.begin();
    if (inARow === 0) first = performance.now() - start;
    inARow = outcome === 'completed' ? inARow + 1 : 0;
    if (outcome !== 'completed') await pause(50);
  }
  return first;
}

function since(before, now) {
  const entries = Object.entries(now).map(([name, count]) => [name, count - (before[name] ?? 0)]);
  return Object.fromEntries(entries.filter(([, count]) => count > 0));
}
