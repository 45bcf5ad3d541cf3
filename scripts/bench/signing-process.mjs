// `node signing-process.mjs IN_FLIGHT SECONDS`: signs by KMS, and replays one of its own requests; see signing.mjs.
import { createHash, randomBytes } from 'node:crypto';
import { connect, createServer } from 'node:net';
import { KmsSigner } from '../../dist/lib/signers/kms/kms-signer.js';
import { processorTime } from './processor-time.mjs';
import { percentile } from './statistics.mjs';

const [inFlight, seconds] = process.argv.slice(2).map(Number);
const { BENCH_KMS_KEY: keyId, BENCH_KMS_ENDPOINT: endpoint, BENCH_KMS_REGION: region } = process.env;
const { port } = new URL(endpoint);
const warmUp = 300;

const signature = (signer) => {
  const [scheme] = signer.schemes;
  const input = createHash('sha256').update(randomBytes(16)).digest();
  return signer.sign({ scheme, input, inputKind: 'digest' });
};

/** `once` again and again, so many at a time. */
async function repeat(once, length, most = Number.POSITIVE_INFINITY) {
  const latencies = [];
  const began = performance.now();
  const cpuBefore = processorTime([process.pid]);
  const one = async (place) => {
    while (performance.now() - began < length * 1000 && latencies.length < most) {
      const started = performance.now();
      await once(place);
      latencies.push((performance.now() - started) * 1000);
    }
  };
  await Promise.all(Array.from({ length: inFlight }, (_, place) => one(place)));
  const cpu = processorTime([process.pid]);
  const elapsed = (performance.now() - began) / 1000;
  const units = latencies.length;
  latencies.sort((a, b) => a - b);
  return {
    units,
    perSecond: units / elapsed,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
    loopMicroseconds: (cpu.loop - cpuBefore.loop) / 1000 / units,
    processMicroseconds: (cpu.process - cpuBefore.process) / 1000 / units,
  };
}

/** The bytes of one Sign as KmsSigner sends it, taken by a proxy on the way to the KMS. */
async function captureRequest() {
  const sent = [];
  const proxy = createServer((client) => {
    const kms = connect(port, '127.0.0.1');
    client.on('data', (chunk) => sent.push(chunk)).pipe(kms);
    kms.pipe(client);
    for (const socket of [client, kms]) socket.on('error', () => {});
  });
  await new Promise((resolve) => {
    proxy.listen(0, '127.0.0.1', resolve);
  });
  const signer = await KmsSigner.open({
    keyId,
    endpoint: `http://127.0.0.1:${proxy.address().port}`,
    region,
  });
  sent.length = 0; // that was GetPublicKey
  await signature(signer);
  signer.close();
  proxy.close();
  return Buffer.concat(sent);
}

/** A client that writes the request and waits for the last byte of its answer, which tells its length. */
class Replay {
  #socket = connect({ port, host: '127.0.0.1', noDelay: true });
  #request;
  #answered = () => {};
  #received = '';

  constructor(request) {
    this.#request = request;
    this.#socket.setEncoding('latin1').on('data', (text) => {
      this.#received += text;
      const end = this.#received.indexOf('\r\n\r\n');
      if (end < 0) return;
      const length = Number(/^content-length: *(\d+)/im.exec(this.#received)?.[1]);
      if (this.#received.length < end + 4 + length) return;
      if (!this.#received.startsWith('HTTP/1.1 200')) throw new Error(`replayed: ${this.#received}`);
      this.#received = '';
      this.#answered();
    });
  }

  once() {
    return new Promise((resolve) => {
      this.#answered = resolve;
      this.#socket.write(this.#request);
    });
  }

  close() {
    this.#socket.destroy();
  }
}

const signer = await KmsSigner.open({ keyId, endpoint, region });
await repeat(() => signature(signer), seconds, warmUp);
const signed = await repeat(() => signature(signer), seconds);
const request = await captureRequest();
const replays = Array.from({ length: inFlight }, () => new Replay(request));
await repeat((place) => replays[place].once(), seconds, warmUp);
const own = await repeat((place) => replays[place].once(), seconds);
for (const replay of replays) replay.close();
signer.close();
process.stdout.write(`${JSON.stringify({ event: 'result', signed, own })}\n`);
process.stdin.on('end', () => process.exit()).resume();
